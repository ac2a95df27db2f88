import Compute

/// A convolution that reads its input through the second half of a training batch norm (`Normalize`): what
/// `NormalizedConv2D` and `NormalizedDepthwiseConv2D` have in common.
///
/// Inputs: x, weight, bias, mean and 1 / sqrt(variance + epsilon), as for `Normalize`, then the filters. Outputs: those
/// of the convolution.
public protocol NormalizedConvolution: Operator {
  associatedtype Convolution: Operator
  var convolution: Convolution { get }
  /// Whether `convolution` can read its input through a norm, for an input and filters of these shapes.
  static func suits(_ convolution: Convolution, input: Shape, filters: Shape) -> Bool
}

extension NormalizedConvolution {
  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: Array(inputs.prefix(5)), "normalize", ["weight", "bias", "mean", "inverse deviation"])
    let outputs = try convolution.outputShapes(for: [inputs[0], inputs[5]])
    guard Self.suits(convolution, input: inputs[0], filters: inputs[5]) else {
      throw ShapeError("cannot convolve \(inputs[0]) with filters \(inputs[5]) while it is normalized")
    }
    return outputs
  }

  public var keeps: Kept { Kept(inputs: [0, 1, 2, 3, 4, 5]) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 || input == 5 }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    convolution.multiplyAdds(inputs: [inputs[0], inputs[5]], outputs: outputs)
  }

  public func computedMultiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    convolution.computedMultiplyAdds(inputs: [inputs[0], inputs[5]], outputs: outputs)
  }
}
