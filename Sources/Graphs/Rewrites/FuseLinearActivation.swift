import Operators

/// Lets a fully connected layer apply the activation that alone reads its result (ReLU, SiLU, GELU): the product is
/// activated tile by tile while it is in the cache, which saves reading it from memory once.
public struct FuseLinearActivation: Rewrite {
  public init() {}

  public var name: String { "fuse_linear_activation" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph), makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let activation = LinearActivation(node.subject), let maker = makers[node.inputs[0].value],
        let linear = graph.nodes[maker].subject as? Linear, linear.activation == nil
      else { continue }
      let layer = graph.nodes[maker], product = node.inputs[0]
      guard uses.onlyReader(of: product.value) == place, product.shape == graph.values[product.value.index].shape
      else { continue }
      // Without a backward pass the activation's argument is nobody's.
      let fused = Linear(activation: activation, keepsArgument: !graph.roots.isEmpty)
      edit.remove(place)
      edit.replace(
        maker,
        by: Node(
          path: layer.path, subject: fused, inputs: layer.inputs,
          outputs: [node.outputs[0]] + (fused.writesArgument ? [product.value] : []), number: layer.number))
    }
    return edit.graph
  }
}
