import Compute
import Graphs
import Operators

extension Tensor {
  /// A fully connected layer on the innermost axis, to `outputs` features.
  ///
  /// Parameters `name.weight` `[O, I]` and `name.bias` `[O]`.
  /// - Parameter windowRank: the axes of 1 that the weight has in files, where the reference calls this a convolution
  ///   of one tap: `[O, I, 1]` for 1.
  public func linear(
    _ name: String, _ outputs: Int, bias: Bool = true, windowRank: Int = 0,
    weights: WeightInitializer = .uniformFanIn, biases: WeightInitializer = .uniformFanIn
  ) -> Tensor {
    guard isValid else { return self }
    return trace.scope(name) {
      guard outputs > 0 else { return trace.invalid("cannot project \(shape) to \(outputs) features") }
      var operands = [
        trace.parameter(
          "weight", [outputs, channels],
          fileLayout: .same([outputs, channels] + [Int](repeating: 1, count: windowRank)),
          initializer: weights.resolved(fanIn: channels, fanOut: outputs), decays: true)
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

extension Tensor {
  /// A trained number for each channel, `[C]`; in files `[1, C, 1, 1]`, as references have it that broadcast it.
  public func channelParameter(_ name: String, start: Float, decays: Bool = true) -> Tensor {
    guard isValid else { return self }
    return trace.parameter(
      name, [channels], fileLayout: .same([1, channels, 1, 1]), initializer: .constant(start), decays: decays)
  }

  /// One trained number, `[1]`, that says something by itself: how much a branch or a residual counts. A comparison
  /// lists it over the depth of the network.
  public func factor(_ name: String, start: Float, decays: Bool = true) -> Tensor {
    guard isValid else { return self }
    return trace.parameter(name, [1], initializer: .constant(start), decays: decays, isFactor: true)
  }
}
