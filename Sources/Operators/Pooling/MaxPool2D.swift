import Compute

/// Maximum over windows of `[N, H, W, C]`, PyTorch's `MaxPool2d` with dilation 1; the padding never wins.
///
/// Output 0 is the maximum, output 1 its position h W + w in the image, the first of equal ones. The position costs one
/// write of the output's size and spares the backward pass the input, which is larger by the strides' product.
public struct MaxPool2D: Operator {
  public let kernel: Extent2D
  public let stride: Extent2D
  public let padding: Extent2D
  public let ceilMode: Bool

  /// - Parameters:
  ///   - stride: the distance of windows; the kernel's size when `nil`.
  ///   - padding: on either side, at most half of the kernel.
  ///   - ceilMode: whether a last window may hang over the end.
  public init(kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, ceilMode: Bool = false) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.padding = padding
    self.ceilMode = ceilMode
  }

  public var name: String { "max_pool2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let plane = try PoolingPlane.checked(
      inputs[0], kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode, name)
    try PoolingPlane.requireCountable(inputs[0], name)
    let shape = plane.shape(for: inputs[0])
    return [shape, shape]
  }

  public var keeps: Kept { Kept(outputs: [1]) }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) { plane(call.inputs[0].shape).maximum(call, worker) }

  /// dx = the sum of dy over the windows whose maximum is here.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    plane(call.inputs[0].shape).maximumGradient(call, worker)
  }

  private func plane(_ input: Shape) -> PoolingPlane {
    PoolingPlane(input, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
  }
}
