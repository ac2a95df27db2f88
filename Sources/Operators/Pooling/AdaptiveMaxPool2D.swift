import Compute

/// Maximum over bins that cut `[N, H, W, C]` into a given height and width, PyTorch's `AdaptiveMaxPool2d`: bin i of m
/// on n inputs is floor(i n / m) ..< ceil((i + 1) n / m).
///
/// Output 0 is the maximum, output 1 its position h W + w in the image, the first of equal ones.
public struct AdaptiveMaxPool2D: Operator {
  public let output: Extent2D

  /// - Parameter output: height and width of the result.
  public init(output: Extent2D) { self.output = output }

  public var name: String { "adaptive_max_pool2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let plane = try PoolingPlane.checked(inputs[0], bins: output, name)
    try PoolingPlane.requireCountable(inputs[0], name)
    let shape = plane.shape(for: inputs[0])
    return [shape, shape]
  }

  public var keeps: Kept { Kept(outputs: [1]) }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    PoolingPlane(call.inputs[0].shape, bins: output).maximum(call, worker)
  }

  /// dx = the sum of dy over the bins whose maximum is here.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    PoolingPlane(call.inputs[0].shape, bins: output).maximumGradient(call, worker)
  }
}
