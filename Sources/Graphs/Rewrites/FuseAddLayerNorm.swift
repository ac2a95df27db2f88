import Operators

/// Lets a layer normalisation compute the residual sum that it reads: the sum is normalised row by row while it is in
/// the cache, and in the backward pass both gradients of the sum are added on the way instead of in passes of their
/// own.
public struct FuseAddLayerNorm: Rewrite {
  public init() {}

  public var name: String { "fuse_add_layer_norm" }

  public func apply(to graph: Graph) -> Graph {
    let makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let norm = node.subject as? LayerNorm, let maker = makers[node.inputs[0].value],
        graph.nodes[maker].subject is Add, !edit.hasChanged(maker)
      else { continue }
      let terms = graph.nodes[maker].inputs, sum = node.inputs[0]
      guard terms[0].shape == sum.shape, terms[1].shape == sum.shape, terms[0].value != terms[1].value,
        sum.shape == graph.values[sum.value.index].shape,
        node.inputs.dropFirst().allSatisfy({ graph.values[$0.value.index].source != .computed })
      else { continue }
      // The sum must be there for whoever reads it first, so the fused node stands where the addition stood.
      edit.remove(place)
      edit.replace(
        maker,
        by: node.replaced(
          by: AddLayerNorm(epsilon: norm.epsilon), inputs: terms + node.inputs.dropFirst(),
          outputs: [sum.value] + node.outputs))
    }
    return edit.graph
  }
}
