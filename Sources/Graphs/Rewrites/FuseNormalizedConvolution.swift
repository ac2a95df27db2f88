import Operators

/// Lets a convolution read its input through the norm before it, where it alone reads the norm's result: normalize,
/// conv2d become normalized_conv2d, and depthwise_conv2d normalized_depthwise_conv2d. Works after `FuseNormalization`
/// and `ChooseConvolutionMethods`.
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
      guard node.inputs.count == 2, let maker = makers[node.inputs[0].value],
        let norm = graph.nodes[maker].subject as? Normalize, !norm.hasResidual,
        uses.onlyReader(of: node.inputs[0].value) == place
      else { continue }
      let normalize = graph.nodes[maker], x = normalize.inputs[0]
      guard x.shape == node.inputs[0].shape, let fused = Self.fused(node, norm.activation) else { continue }
      edit.remove(maker)
      edit.replace(
        place, by: node.replaced(by: fused, inputs: normalize.inputs + [node.inputs[1]], outputs: node.outputs))
    }
    return edit.graph
  }

  private static func fused(_ node: Node, _ activation: Clamp) -> (any Operator)? {
    let x = node.inputs[0].shape, filters = node.inputs[1].shape
    switch node.subject {
    case let convolution as Conv2D where NormalizedConv2D.suits(convolution, input: x, filters: filters):
      return NormalizedConv2D(convolution, activation)
    case let convolution as DepthwiseConv2D
    where NormalizedDepthwiseConv2D.suits(convolution, input: x, filters: filters):
      return NormalizedDepthwiseConv2D(convolution, activation)
    default: return nil
    }
  }
}
