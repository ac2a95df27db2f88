import Compute

/// How outputs along one axis pool inputs: each output takes a range of inputs, and each input goes into a range of
/// outputs.
///
/// Both directions are closed formulas, so that the backward pass can collect what comes to an input instead of
/// scattering.
struct PoolingAxis {
  let inputs: Int
  let outputs: Int
  private let kernel: Int
  private let stride: Int
  private let padding: Int
  private let isAdaptive: Bool

  /// Windows of `kernel` inputs, `stride` apart, the first beginning `padding` before the axis.
  ///
  /// In ceil mode the last window may hang over the end, but must begin inside the input or the padding before it.
  init(inputs: Int, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) {
    let room = inputs + 2 * padding - kernel + (ceilMode ? stride - 1 : 0)
    var outputs = room < 0 ? 0 : room / stride + 1
    if ceilMode && (outputs - 1) * stride >= inputs + padding { outputs -= 1 }
    (self.inputs, self.outputs) = (inputs, outputs)
    (self.kernel, self.stride, self.padding, isAdaptive) = (kernel, stride, padding, false)
  }

  /// `outputs` bins that cover the axis: bin i is floor(i n / m) ..< ceil((i + 1) n / m). Bins overlap where m does not
  /// divide n.
  init(inputs: Int, bins outputs: Int) {
    (self.inputs, self.outputs) = (inputs, outputs)
    (kernel, stride, padding, isAdaptive) = (0, 1, 0, true)
  }

  /// The inputs that an output pools, those in the padding left out.
  @inline(__always)
  func window(of output: Int) -> Range<Int> {
    if isAdaptive { return output * inputs / outputs..<((output + 1) * inputs + outputs - 1) / outputs }
    let start = output * stride - padding
    let end = min(start + kernel, inputs)
    return min(max(start, 0), end)..<end
  }

  /// The outputs that pool an input.
  @inline(__always)
  func outputs(of input: Int) -> Range<Int> {
    if isAdaptive { return input * outputs / inputs..<((input + 1) * outputs + inputs - 1) / inputs }
    let position = input + padding
    let first = position < kernel ? 0 : (position - kernel) / stride + 1
    let end = min(position / stride + 1, outputs)
    return min(first, end)..<end
  }

  /// The window's length with the padding on both sides counted, but not what hangs over in ceil mode.
  @inline(__always)
  func paddedLength(of output: Int) -> Int {
    let start = output * stride - padding
    return min(start + kernel, inputs + padding) - start
  }
}

/// The pooling of `[N, H, W, C]` along both of its inner axes.
struct PoolingPlane {
  let rows: PoolingAxis
  let columns: PoolingAxis

  /// Windows on an input.
  init(_ input: Shape, kernel: Extent2D, stride: Extent2D, padding: Extent2D, ceilMode: Bool) {
    rows = PoolingAxis(
      inputs: input[1], kernel: kernel.height, stride: stride.height, padding: padding.height, ceilMode: ceilMode)
    columns = PoolingAxis(
      inputs: input[2], kernel: kernel.width, stride: stride.width, padding: padding.width, ceilMode: ceilMode)
  }

  /// Bins on an input.
  init(_ input: Shape, bins: Extent2D) {
    rows = PoolingAxis(inputs: input[1], bins: bins.height)
    columns = PoolingAxis(inputs: input[2], bins: bins.width)
  }

  /// The output's shape.
  func shape(for input: Shape) -> Shape { [input[0], rows.outputs, columns.outputs, input[3]] }
}

extension Shape {
  /// - Throws: `ShapeError` when this is not a map to be pooled.
  func requireMap(toPoolWith operatorName: String) throws(ShapeError) {
    guard rank == 4 else { throw ShapeError("cannot apply \(operatorName) to \(self): wanted [N, H, W, C]") }
  }
}

extension PoolingPlane {
  /// - Throws: `ShapeError` when windows of these sizes make no sense on `input`.
  static func checked(
    _ input: Shape, kernel: Extent2D, stride: Extent2D, padding: Extent2D, ceilMode: Bool, _ name: String
  ) throws(ShapeError) -> PoolingPlane {
    try input.requireMap(toPoolWith: name)
    guard kernel.height > 0, kernel.width > 0, stride.height > 0, stride.width > 0 else {
      throw ShapeError("cannot apply \(name) to \(input): kernel \(kernel) and stride \(stride) must be positive")
    }
    guard
      padding.height >= 0, padding.width >= 0,
      2 * padding.height <= kernel.height, 2 * padding.width <= kernel.width
    else {
      throw ShapeError(
        "cannot apply \(name) to \(input): padding \(padding) must be at most half of the kernel \(kernel)")
    }
    let plane = PoolingPlane(input, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
    guard plane.rows.outputs > 0, plane.columns.outputs > 0 else {
      throw ShapeError("cannot apply \(name) to \(input): the kernel \(kernel) is larger than the padded input")
    }
    return plane
  }

  /// - Throws: `ShapeError` when `input` has no such bins.
  static func checked(_ input: Shape, bins: Extent2D, _ name: String) throws(ShapeError) -> PoolingPlane {
    try input.requireMap(toPoolWith: name)
    guard bins.height > 0, bins.width > 0 else {
      throw ShapeError("cannot apply \(name) to \(input): an output of \(bins) has no elements")
    }
    return PoolingPlane(input, bins: bins)
  }
}
