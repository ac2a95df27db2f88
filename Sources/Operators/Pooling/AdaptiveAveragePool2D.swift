import Compute

/// Mean over bins that cut `[N, H, W, C]` into a given height and width, PyTorch's `AdaptiveAvgPool2d`: bin i of m on
/// n inputs is floor(i n / m) ..< ceil((i + 1) n / m).
///
/// An output of 1 x 1 is `Mean(over: [1, 2])`, which shares one image among the workers and is faster.
public struct AdaptiveAveragePool2D: Operator {
  public let output: Extent2D

  /// - Parameter output: height and width of the result.
  public init(output: Extent2D) { self.output = output }

  public var name: String { "adaptive_average_pool2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    [try PoolingPlane.checked(inputs[0], bins: output, name).shape(for: inputs[0])]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    PoolingPlane(call.inputs[0].shape, bins: output).average(call, countsPadding: false, worker)
  }

  /// dx = the sum of dy / n over the bins around this input, n elements each.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    PoolingPlane(call.inputs[0].shape, bins: output).averageGradient(call, countsPadding: false, worker)
  }
}
