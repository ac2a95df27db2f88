import Operators

/// Gives each convolution the method that is fastest for its shapes, by a rule fitted to measurements, or by those of the
/// run itself: the same on every rank, host and number of threads. Without this rewrite convolutions multiply as their
/// definition does.
public struct ChooseConvolutionMethods: Rewrite {
  private let choices: ConvolutionChoices

  /// - Parameter choices: what has been measured; the rule has the rest.
  public init(_ choices: ConvolutionChoices = ConvolutionChoices()) { self.choices = choices }

  public var name: String { "choose_convolution_methods" }

  public func apply(to graph: Graph) -> Graph {
    var result = graph
    for (index, node) in graph.nodes.enumerated() {
      guard let convolution = node.subject as? Conv2D,
        let method = choices.method(for: convolution, node.inputs.map(\.shape))
      else { continue }
      result.nodes[index] = Node(
        path: node.path, subject: convolution.computed(by: method), inputs: node.inputs, outputs: node.outputs,
        number: node.number)
    }
    return result
  }
}
