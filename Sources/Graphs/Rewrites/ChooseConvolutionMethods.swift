import Operators

/// Gives each convolution the method that is fastest for its shapes, by a rule fitted to measurements: the same on
/// every rank, host and number of threads. Without this rewrite convolutions multiply as their definition does.
public struct ChooseConvolutionMethods: Rewrite {
  public init() {}

  public var name: String { "choose_convolution_methods" }

  public func apply(to graph: Graph) -> Graph {
    var result = graph
    for (index, node) in graph.nodes.enumerated() {
      guard let convolution = node.subject as? Conv2D,
        let method = convolution.fastestMethod(for: node.inputs.map(\.shape))
      else { continue }
      result.nodes[index] = Node(
        path: node.path, subject: convolution.computed(by: method), inputs: node.inputs, outputs: node.outputs,
        number: node.number)
    }
    return result
  }
}
