import Compute

/// The largest values of a depth-wise convolution, over the places for each channel and over the channels for each
/// place, without the convolution's result: a band of it lies in a worker's cache and is gone again.
///
/// Inputs: x `[N, H, W, C]`, weight `[kh, kw, C]`. Outputs: the maximum over the places and the position of the first
/// that reaches it, `[N, 1, 1, C]` each; the maximum over the channels and its position, `[N, H', W', 1]` each; as of
/// `DepthwiseConv2D` and two `Max`. A gradient belongs to one channel of one place, and so goes back through the taps
/// of that place alone: dx and dw gather C + H' W' of them an image, where the convolution's own would gather C H' W'.
///
/// The passes are in `DepthwiseMaxima+Forward.swift` and `DepthwiseMaxima+Backward.swift`.
public struct DepthwiseMaxima: Operator {
  public let convolution: DepthwiseConv2D

  /// The same maxima in one pass; `nil` where the convolution's kernel does not read x as it lies.
  public init?(of convolution: DepthwiseConv2D, inputs: [Shape]) {
    guard convolution.isDirect(for: inputs) else { return nil }
    self.convolution = convolution
  }

  public var name: String { "depthwise_maxima" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let y = try convolution.outputShapes(for: inputs)[0]
    let channels: Shape = [y[0], 1, 1, y[3]], places: Shape = [y[0], y[1], y[2], 1]
    return [channels, channels, places, places]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1, 3]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    convolution.multiplyAdds(inputs: inputs, outputs: [Self.resultShape(outputs)])
  }

  private static func resultShape(_ outputs: [Shape]) -> Shape {
    [outputs[2][0], outputs[2][1], outputs[2][2], outputs[0][3]]
  }

  func geometry(_ inputs: [Shape], _ outputs: [Shape]) -> DepthwiseGeometry {
    DepthwiseGeometry(convolution, input: inputs[0], kernel: inputs[1], output: Self.resultShape(outputs))
  }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = geometry(inputs, outputs), channels = geometry.channels
    guard pass == .forward else {
      return Scratch(shared: geometry.images * inputs[1].count, perWorker: SlopeLine.floats(geometry))
    }
    let rows = (0..<geometry.bands).reduce(0) { max($0, geometry.outputRows(of: $1).count) }
    let band = rows * geometry.forward.columns.outputs * channels
    // What the filter is decides which of the two is used.
    return Scratch(
      shared: geometry.units * RunningMaxima.floats(channels),
      perWorker: max(band, BlurredLine.floats(geometry.forward, channels)))
  }
}
