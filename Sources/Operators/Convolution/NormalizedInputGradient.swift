import Compute

/// The end of the backward pass of a convolution that reads its input through a norm: from g and its sums to the
/// gradients at the norm's inputs.
struct NormalizedInputGradient {
  private let parts: GradientSumParts
  private let channels: Int

  /// Floats that all workers share, for sums of so many parts.
  static func floats(parts: Int, channels: Int) -> Int {
    GradientSumParts.floats(parts, channels: channels) + 3 * channels
  }

  init(_ parts: GradientSumParts, channels: Int) { (self.parts, self.channels) = (parts, channels) }

  /// dweight, dbias, and dx = a g + b x + c, where g lies where dx is to come. After a barrier.
  /// - Parameters:
  ///   - memory: three rows of channels that all workers share.
  ///   - own: `ChannelTotals.floats` of the worker's memory.
  func finish(
    _ call: BackwardCall, memory: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    putChannels(call, memory: memory, own: own, worker)
    guard let dx = call.inputGradients[0] else { return }
    let x = call.inputs[0]
    worker.barrier()
    NormGradient.combine(
      dx.pointer, x.pointer, count: x.count, over: ChannelPeriod(channels: channels), by: memory, into: dx, worker)
  }

  /// dweight and dbias; and a, b and c, a row each, for whoever makes dx after another barrier.
  func putChannels(
    _ call: BackwardCall, memory: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let weight = call.inputs[1].pointer, mean = call.inputs[3].pointer, inverses = call.inputs[4].pointer
    let dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let period = ChannelPeriod(channels: channels), rows = call.inputs[0].count / channels
    parts.totals(own: own, worker) { channel, plain, centered in
      NormGradient(
        sum: plain, centeredSum: centered, count: rows, weight: weight[channel], mean: mean[channel],
        inverse: inverses[channel]
      ).put(channel, dweight, dbias, over: period, into: memory)
    }
  }
}
