import Operators

/// Takes a batch norm apart into its statistics and one pass that normalises, adds the block's shortcut and applies the
/// activation: batch_norm, add, relu become batch_moments, normalize.
///
/// Saves a read and a write of the activation forwards and two reads and a write backwards for each operator that
/// disappears. Rounding changes in the last place, because x̂ is taken from the rounded deviation. A norm with given
/// statistics is taken apart where nothing is differentiated: the gradient of `normalize` is that of a training norm.
public struct FuseNormalization: Rewrite {
  public init() {}

  public var name: String { "fuse_normalization" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph)
    var edit = GraphEdit(graph)
    for (index, node) in graph.nodes.enumerated() {
      guard let (statistics, mean, inverse) = statistics(node, &edit) else { continue }
      let chain = Chain(from: index, graph, uses, isTaken: edit.hasChanged)
      let last = chain.places.last ?? index
      for place in chain.places { edit.remove(place) }
      edit.replace(index, by: statistics)
      edit.append(
        node.replaced(
          by: Normalize(chain.activation, hasResidual: chain.residual != nil),
          inputs: node.inputs[0...2] + [mean, inverse] + (chain.residual.map { [$0] } ?? []),
          outputs: [graph.nodes[last].outputs[0]]), at: last)
    }
    return edit.graph
  }

  /// The node that makes a norm's statistics, and the mean and inverse deviation that its other half reads.
  private func statistics(_ node: Node, _ edit: inout GraphEdit) -> (Node, mean: Operand, inverse: Operand)? {
    switch node.subject {
    case let norm as BatchNorm:
      let moments = node.replaced(
        by: BatchMoments(epsilon: norm.epsilon, momentum: norm.momentum),
        inputs: [node.inputs[0], node.inputs[3], node.inputs[4]], outputs: Array(node.outputs.dropFirst()))
      let results = moments.outputs.prefix(2).map { Operand(value: $0, shape: node.inputs[1].shape) }
      return (moments, results[0], results[1])
    case let norm as BatchNormInference where edit.original.roots.isEmpty:
      let inverse = edit.newValue(node.inputs[4].shape)
      return (
        node.replaced(by: InverseDeviation(epsilon: norm.epsilon), inputs: [node.inputs[4]], outputs: [inverse.value]),
        node.inputs[3], inverse
      )
    default: return nil
    }
  }

  /// What follows a norm and can go into its pass: nodes that are the only readers of the one before.
  private struct Chain {
    var places: [Int] = []
    var residual: Operand?
    var activation = Clamp.identity

    init(from index: Int, _ graph: Graph, _ uses: GraphUses, isTaken: (Int) -> Bool) {
      var value = graph.nodes[index].outputs[0]
      let shape = graph.values[value.index].shape
      func next() -> Int? {
        uses.onlyReader(of: value).flatMap { place in
          !isTaken(place) && graph.nodes[place].inputs.allSatisfy { $0.shape == shape } ? place : nil
        }
      }
      if let place = next(), graph.nodes[place].subject is Add {
        let operands = graph.nodes[place].inputs.filter { $0.value != value }
        if operands.count == 1 {
          residual = operands[0]
          places.append(place)
          value = graph.nodes[place].outputs[0]
        }
      }
      if let place = next(), let clamp = Clamp(graph.nodes[place].subject) {
        activation = clamp
        places.append(place)
      }
    }
  }
}
