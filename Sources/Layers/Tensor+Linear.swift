import Compute
import Graphs
import Operators

extension Tensor {
  /// A fully connected layer on the innermost axis, to `outputs` features.
  ///
  /// Parameters `name.weight` `[O, I]` and `name.bias` `[O]`.
  public func linear(
    _ name: String, _ outputs: Int, bias: Bool = true, weights: WeightInitializer = .uniformFanIn,
    biases: WeightInitializer = .uniformFanIn
  ) -> Tensor {
    guard isValid else { return self }
    return trace.scope(name) {
      guard outputs > 0 else { return trace.invalid("cannot project \(shape) to \(outputs) features") }
      var operands = [
        trace.parameter(
          "weight", [outputs, channels], initializer: weights.resolved(fanIn: channels, fanOut: outputs), decays: true)
      ]
      if bias {
        operands.append(
          trace.parameter(
            "bias", [outputs], initializer: biases.resolved(fanIn: channels, fanOut: outputs), decays: false))
      }
      return applying(Linear(), with: operands)
    }
  }

  /// The product of two stacks of matrices, entry by entry of the leading axes.
  public func matrixProduct(
    _ other: Tensor, transposed: Bool = false, otherTransposed: Bool = false
  ) -> Tensor {
    applying(BatchedMatrixProduct(transposesFirst: transposed, transposesSecond: otherTransposed), with: [other])
  }
}
