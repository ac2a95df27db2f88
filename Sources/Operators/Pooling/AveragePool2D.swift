import Compute

/// Mean over windows of `[N, H, W, C]`, PyTorch's `AvgPool2d`.
public struct AveragePool2D: Operator {
  public let kernel: Extent2D
  public let stride: Extent2D
  public let padding: Extent2D
  public let countsPadding: Bool
  public let ceilMode: Bool

  /// - Parameters:
  ///   - stride: the distance of windows; the kernel's size when `nil`.
  ///   - padding: zeros on either side, at most half of the kernel.
  ///   - countsPadding: whether the padding counts in the mean (PyTorch's `count_include_pad`).
  ///   - ceilMode: whether a last window may hang over the end; what hangs over never counts.
  public init(
    kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, countsPadding: Bool = true, ceilMode: Bool = false
  ) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.padding = padding
    self.countsPadding = countsPadding
    self.ceilMode = ceilMode
  }

  public var name: String { "average_pool2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let plane = try PoolingPlane.checked(
      inputs[0], kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode, name)
    return [plane.shape(for: inputs[0])]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    plane(call.inputs[0].shape).average(call, countsPadding: countsPadding, worker)
  }

  /// dx = the sum of dy / n over the windows around this input, n elements each.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    plane(call.inputs[0].shape).averageGradient(call, countsPadding: countsPadding, worker)
  }

  private func plane(_ input: Shape) -> PoolingPlane {
    PoolingPlane(input, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
  }
}
