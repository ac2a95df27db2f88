import Operators

/// Takes the end of a residual block whose channels are shifted, as by a global context, together: x + shift + shortcut,
/// relu become shifted_residual.
///
/// Works before `FuseNormalization`, as `FuseGatedResidual` does.
public struct FuseShiftedResidual: Rewrite {
  public init() {}

  public var name: String { "fuse_shifted_residual" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph), makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated()
    where node.subject is Add && node.inputs[0].shape == node.inputs[1].shape && !edit.hasChanged(place) {
      guard let (inner, shortcut) = Self.shifted(node, graph, uses, makers), !edit.hasChanged(inner),
        let (x, shift) = Self.parts(graph.nodes[inner])
      else { continue }
      let (last, activation) = uses.activation(after: place, in: graph)
      edit.remove(inner)
      edit.remove(place)
      edit.replace(
        last,
        by: node.replaced(
          by: ShiftedResidual(activation), inputs: [x, shortcut, shift], outputs: graph.nodes[last].outputs))
    }
    return edit.graph
  }

  /// The operand of a sum that is itself x + shift and that nobody else reads: who makes it, and the other operand.
  private static func shifted(
    _ sum: Node, _ graph: Graph, _ uses: GraphUses, _ makers: [ValueID: Int]
  ) -> (place: Int, shortcut: Operand)? {
    for (index, operand) in sum.inputs.enumerated() where uses.onlyReader(of: operand.value) != nil {
      if let maker = makers[operand.value], parts(graph.nodes[maker])?.x.shape == operand.shape {
        return (maker, sum.inputs[1 - index])
      }
    }
    return nil
  }

  private static func parts(_ node: Node) -> (x: Operand, shift: Operand)? {
    guard node.subject is Add, node.inputs[0].shape.rank == 4 else { return nil }
    for (x, shift) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
    where x.shape != shift.shape && shift.shape.isChannelGate(of: x.shape) {
      return (x, shift)
    }
    return nil
  }
}
