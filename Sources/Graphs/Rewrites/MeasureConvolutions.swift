import Operators

/// Lets a convolution take the moments of its output for the batch norm that reads it: conv2d (or depthwise_conv2d),
/// batch_moments become conv2d with a second output and running_moments. Works after `FuseNormalizedConvolution`.
///
/// Saves a read of the activation forwards. The moments are the same but for rounding: they are summed in other parts.
public struct MeasureConvolutions: Rewrite {
  public init() {}

  public var name: String { "measure_convolutions" }

  public func apply(to graph: Graph) -> Graph {
    let makers = graph.makers
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let norm = node.subject as? BatchMoments, let maker = makers[node.inputs[0].value],
        !edit.hasChanged(maker), let measured = Self.measured(graph.nodes[maker])
      else { continue }
      let x = node.inputs[0].shape, convolution = graph.nodes[maker]
      let moments = edit.newValue([2, x.channels])
      edit.replace(
        maker,
        by: convolution.replaced(
          by: measured, inputs: convolution.inputs, outputs: convolution.outputs + [moments.value]))
      let running = RunningMoments(epsilon: norm.epsilon, momentum: norm.momentum, rows: x.count / x.channels)
      edit.replace(
        place, by: node.replaced(by: running, inputs: [moments] + node.inputs[1...], outputs: node.outputs))
    }
    return edit.graph
  }

  private static func measured(_ node: Node) -> (any Operator)? {
    let shapes = node.inputs.map(\.shape)
    switch node.subject {
    case let convolution as Conv2D where convolution.canMeasure(for: shapes): return convolution.measuring
    case let convolution as DepthwiseConv2D where convolution.isDirect(for: shapes): return convolution.measuring
    case let convolution as NormalizedConv2D: return convolution.measuring
    case let convolution as NormalizedDepthwiseConv2D: return convolution.measuring
    default: return nil
    }
  }
}
