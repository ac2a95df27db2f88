import Compute

/// A convolution that reads its input through a batch norm and its activation: y = conv(f(weight (x - mean) r + bias)),
/// r = 1 / sqrt(variance + epsilon). The second half of a training batch norm (`Normalize`) goes into the convolution
/// that alone reads it.
///
/// Inputs: x `[N, H, W, C]`, weight, bias, mean and r, each `[C]`, as for `Normalize`, then the filters. Outputs: those of
/// the convolution. The normalised activation is never in memory: forwards it is computed where a tile of x is read, and
/// backwards again for the gradient at the filters, while the sums that the norm's gradient needs are taken from the
/// gradient at its result as that is written. Apart, the norm reads and writes the activation once more forwards, and
/// reads it and its gradient once more backwards.
///
/// With a = f(norm(x)): da and the filters' gradient are those of `Conv2D`; g = da f', and dx, dweight, dbias those of
/// `Normalize`. y and the filters' gradient have the same bits as apart; sums of g are taken in other parts.
public struct NormalizedConv2D: NormalizedConvolution {
  public let convolution: Conv2D
  public let activation: Clamp

  public init(_ convolution: Conv2D, _ activation: Clamp) {
    self.convolution = convolution
    self.activation = activation
  }

  /// Whether `convolution` can read its input through a norm, for an input and filters of these shapes: where it is
  /// pointwise with filters small enough that a tile goes through both products of the backward pass at once, or
  /// computed by Winograd's method; in whole vectors of channels.
  public static func suits(_ convolution: Conv2D, input: Shape, filters: Shape) -> Bool {
    guard let output = try? convolution.outputShapes(for: [input, filters])[0], input[3] % 16 == 0 else { return false }
    let geometry = ConvolutionGeometry(convolution, input: input, weight: filters, output: output)
    switch geometry.method(for: .forward) {
    case .pointwise: return !geometry.tilesFilters
    case .winograd: return geometry.takesWinograd
    default: return false
    }
  }

  /// The same with the moments of its output.
  public var measuring: NormalizedConv2D { NormalizedConv2D(convolution.measuring, activation) }

  public var name: String { "normalized_conv2d" }

  /// dx is made of g where g lies.
  public func accumulatesGradient(atInput input: Int) -> Bool { input != 0 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = geometry(inputs[0], inputs[5], outputs[0])
    let own = Scratch(perWorker: NormalizedReader.floats(geometry.channels)), moments = moments(of: geometry)?.scratch
    switch (geometry.method(for: .forward), pass) {
    case (.pointwise, .forward):
      let tile = geometry.normalizedTilePixels * geometry.channels
      return Scratch(shared: geometry.panelFloats(for: .forward), perWorker: tile).behind(own).behind(moments)
    case (.pointwise, .backward): return NormalizedPointwise(geometry).scratch
    case (_, .forward): return geometry.winogradScratch.behind(own).behind(moments)
    case (_, .backward): return NormalizedWinograd(geometry).scratch
    }
  }

  private func moments(of geometry: ConvolutionGeometry) -> OutputMoments? {
    convolution.measuresOutput ? OutputMoments(geometry, tilePixels: geometry.normalizedTilePixels) : nil
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs[0].shape, call.inputs[5].shape, call.outputs[0].shape)
    let measured = moments(of: geometry), ahead = measured?.scratch ?? Scratch()
    let shared = call.context.sharedScratch + ahead.shared, own = call.context.scratch(of: worker) + ahead.perWorker
    let rest = own + NormalizedReader.floats(geometry.channels), moments = measured?.parts(call)
    let read = NormalizedReader(call.inputs, activation, in: own)
    let x = call.inputs[0].pointer, filters = call.inputs[5].pointer
    if geometry.method(for: .forward) == .pointwise {
      geometry.correlatePixels(
        x, read, filters, into: call.outputs[0].pointer, moments: moments, packed: shared, tile: rest, worker)
    } else {
      geometry.correlateWinograd(
        x, read, filters, nil, into: StreamedOutput(call.outputs[0], rows: geometry.outputChannels), moments: moments,
        transformed: shared, rest, worker)
    }
    measured?.finish(call, worker)
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let geometry = geometry(call.inputs[0].shape, call.inputs[5].shape, dy.shape)
    if geometry.method(for: .forward) == .pointwise {
      NormalizedPointwise(geometry).backward(call, dy.pointer, activation, worker)
    } else {
      NormalizedWinograd(geometry).backward(call, dy.pointer, activation, worker)
    }
  }

  private func geometry(_ x: Shape, _ filters: Shape, _ output: Shape) -> ConvolutionGeometry {
    ConvolutionGeometry(convolution, input: x, weight: filters, output: output)
  }
}
