import Compute

/// The backward pass of a Winograd convolution that reads its input through a norm: the filter gradient transforms what
/// the norm makes of x, and the data gradient is multiplied by f' and summed as its tiles are transformed back.
struct NormalizedWinograd {
  private let geometry: ConvolutionGeometry

  init(_ geometry: ConvolutionGeometry) { self.geometry = geometry }

  private var channels: Int { geometry.channels }
  private var own: Int { NormalizedReader.floats(channels) + ChannelTotals.floats }
  /// The sums of g come first: both products have their working memory behind them, one after the other.
  private var slopeFloats: Int {
    NormalizedInputGradient.floats(parts: geometry.turned.winogradStretches, channels: channels)
  }

  var scratch: Scratch {
    let data = geometry.scratch(for: .dataGradient), filter = geometry.scratch(for: .filterGradient)
    return Scratch(
      shared: Lanes.padded(slopeFloats) + max(data.shared, filter.shared),
      perWorker: own + max(data.perWorker, filter.perWorker))
  }

  func backward(_ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ activation: Clamp, _ worker: Worker) {
    let memory = call.context.scratch(of: worker), totals = memory + NormalizedReader.floats(channels)
    let rest = memory + own, shared = call.context.sharedScratch, products = shared + Lanes.padded(slopeFloats)
    let read = NormalizedReader(call.inputs, activation, in: memory), x = call.inputs[0].pointer
    let turned = geometry.turned, stretches = turned.winogradStretches
    let parts = GradientSumParts(stretches, channels: channels, in: shared)
    let wantsSlopes = call.inputGradients[0...2].contains { $0 != nil }
    if wantsSlopes {
      let output = SlopeOutput(
        read: read, x: x, mean: call.inputs[3].pointer,
        g: call.inputGradients[0].map { StreamedOutput($0, rows: channels) }, parts: parts, channels: channels)
      turned.correlateWinograd(
        dy, AsItLies(), call.inputs[5].pointer, into: output, transformed: products, rest, worker)
      // The transformed filters lie where the filter gradient's sums come next.
      worker.barrier()
    }
    if call.inputGradients[5] != nil {
      geometry.winogradFilterGradient(dy, x, read, call.inputGradients[5], nil, sums: products, rest, worker)
    }
    guard wantsSlopes else { return }
    NormalizedInputGradient(parts, channels: channels).finish(
      call, memory: shared + GradientSumParts.floats(stretches, channels: channels), own: totals, worker)
  }
}
