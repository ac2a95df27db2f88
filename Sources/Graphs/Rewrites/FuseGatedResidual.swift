import Compute
import Operators

/// Takes the end of a residual block with attention together: x · gate (· map) + shortcut, relu become gated_residual,
/// and the maximum and mean over the channels of x · gate, which the map is made from, gated_channel_squeeze.
///
/// Works before `FuseNormalization`, which would give a projected shortcut's norm the sum and leave the gates alone.
public struct FuseGatedResidual: Rewrite {
  public init() {}

  public var name: String { "fuse_gated_residual" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph), makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() where node.subject is Add && node.inputs[0].shape == node.inputs[1].shape {
      guard let branch = node.inputs.indices.lazy.compactMap({ Branch(node, $0, graph, uses, makers) }).first else { continue }
      var last = place
      var activation = Clamp.identity
      if let reader = uses.onlyReader(of: node.outputs[0]), let clamp = Clamp(graph.nodes[reader].subject) {
        (last, activation) = (reader, clamp)
      }
      let subject = GatedResidual(
        activation, hasChannelGate: branch.channelGate != nil, hasSpatialGate: branch.map != nil)
      let inputs = [branch.x, branch.shortcut] + [branch.channelGate, branch.map].compactMap { $0 }
      for taken in branch.taken + [place] { edit.remove(taken) }
      if let squeeze = branch.squeeze {
        let (maximum, mean) = (graph.nodes[squeeze.maximum], graph.nodes[squeeze.mean])
        edit.remove(max(squeeze.maximum, squeeze.mean))
        edit.replace(
          min(squeeze.maximum, squeeze.mean),
          by: maximum.replaced(
            by: GatedChannelSqueeze(), inputs: [branch.x, branch.channelGate!], outputs: maximum.outputs + mean.outputs))
      }
      edit.replace(last, by: node.replaced(by: subject, inputs: inputs, outputs: graph.nodes[last].outputs))
    }
    return edit.graph
  }

  /// The gated operand of a sum: x, its gates, and the nodes that go into the pass.
  private struct Branch {
    let x: Operand
    let shortcut: Operand
    private(set) var channelGate: Operand?
    private(set) var map: Operand?
    private(set) var taken: [Int]
    private(set) var squeeze: (maximum: Int, mean: Int)?

    init?(_ sum: Node, _ operand: Int, _ graph: Graph, _ uses: GraphUses, _ makers: [ValueID: Int]) {
      let shape = sum.inputs[operand].shape
      guard let outer = makers[sum.inputs[operand].value], uses.onlyReader(of: sum.inputs[operand].value) != nil,
        let (gated, gate) = Self.factors(graph.nodes[outer], shape)
      else { return nil }
      shortcut = sum.inputs[1 - operand]
      taken = [outer]
      guard gate.shape.isSpatialGate(of: shape) else {
        (x, channelGate) = (gated, gate)
        return
      }
      map = gate
      // The map was made from x · channel gate, which then need not be written at all.
      if let inner = makers[gated.value], let (x, channelGate) = Self.factors(graph.nodes[inner], shape),
        channelGate.shape.isChannelGate(of: shape),
        let squeeze = Self.squeeze(of: gated.value, besides: outer, graph, uses)
      {
        (self.x, self.channelGate, self.squeeze) = (x, channelGate, squeeze)
        taken.append(inner)
      } else {
        x = gated
      }
    }

    /// The activation and the gate of a product.
    private static func factors(_ node: Node, _ shape: Shape) -> (x: Operand, gate: Operand)? {
      guard node.subject is Multiply, shape.rank == 4 else { return nil }
      for (x, gate) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
      where x.shape == shape && (gate.shape.isChannelGate(of: shape) || gate.shape.isSpatialGate(of: shape)) {
        return (x, gate)
      }
      return nil
    }

    /// Maximum and mean over the channels, when they and `other` are all who read `value`.
    private static func squeeze(
      of value: ValueID, besides other: Int, _ graph: Graph, _ uses: GraphUses
    ) -> (maximum: Int, mean: Int)? {
      guard let readers = uses.readers(of: value), readers.count == 3, readers.contains(other) else { return nil }
      func reducesChannels(_ axes: [Int]) -> Bool { axes == [3] || axes == [-1] }
      let maximum = readers.first { (graph.nodes[$0].subject as? Max).map { reducesChannels($0.axes) } == true }
      let mean = readers.first { (graph.nodes[$0].subject as? Mean).map { reducesChannels($0.axes) } == true }
      guard let maximum, let mean else { return nil }
      return (maximum, mean)
    }
  }
}
