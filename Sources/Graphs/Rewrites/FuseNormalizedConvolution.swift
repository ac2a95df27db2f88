import Operators

/// Lets a convolution read its input through the norm before it, where it alone reads the norm's result: normalize,
/// conv2d become normalized_conv2d. Works after `FuseNormalization` and `ChooseConvolutionMethods`.
///
/// Saves a write and a read of the normalised activation forwards, and a reading of it and its gradient backwards; what
/// is not written needs no memory either.
public struct FuseNormalizedConvolution: Rewrite {
  public init() {}

  public var name: String { "fuse_normalized_convolution" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph), makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let convolution = node.subject as? Conv2D, node.inputs.count == 2,
        let maker = makers[node.inputs[0].value], let norm = graph.nodes[maker].subject as? Normalize, !norm.hasResidual,
        uses.onlyReader(of: node.inputs[0].value) == place
      else { continue }
      let normalize = graph.nodes[maker], x = normalize.inputs[0]
      guard x.shape == node.inputs[0].shape,
        NormalizedConv2D.suits(convolution, input: x.shape, filters: node.inputs[1].shape)
      else { continue }
      edit.remove(maker)
      edit.replace(
        place,
        by: node.replaced(
          by: NormalizedConv2D(convolution, norm.activation), inputs: normalize.inputs + [node.inputs[1]],
          outputs: node.outputs))
    }
    return edit.graph
  }
}
