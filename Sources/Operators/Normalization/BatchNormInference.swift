import Compute

/// Batch normalisation with given statistics: y = weight (x - mean) / sqrt(variance + epsilon) + bias
/// (Ioffe, Szegedy; ICML 2015, algorithm 2, step 11).
///
/// Inputs: x `[..., C]`, weight, bias, running mean, running variance, each `[C]`. Output: y `[..., C]`. The backward
/// pass takes the statistics as constants, which is how a network with frozen statistics is trained further.
public struct BatchNormInference: Operator {
  public let epsilon: Float

  public init(epsilon: Float = 1e-5) { self.epsilon = epsilon }

  public var name: String { "batch_norm_inference" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, name, ["weight", "bias", "running mean", "running variance"])
    return [inputs[0]]
  }

  public var keeps: Kept { Kept(inputs: [0, 1, 3, 4]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public var isCheapToRepeat: Bool { true }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let period = ChannelPeriod(channels: inputs[0].channels)
    let sums = ChannelGradientSums(period: period, rows: inputs[0].count / inputs[0].channels).scratch
    switch pass {
    case .forward: return Scratch(perWorker: 2 * period.width)
    case .backward: return Scratch(shared: sums.shared, perWorker: period.width + sums.perWorker)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let weight = call.inputs[1].pointer, bias = call.inputs[2].pointer
    let mean = call.inputs[3].pointer, variance = call.inputs[4].pointer
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    // Every worker computes the few numbers of each channel for itself: cheaper than a barrier.
    let scales = call.context.scratch(of: worker), shifts = scales + period.width
    for channel in 0..<period.channels {
      let scale = Float(Double(weight[channel]) * inverseDeviation(variance[channel]))
      period.spread(scale, channel, into: scales)
      period.spread(Float(Double(bias[channel]) - Double(mean[channel]) * Double(scale)), channel, into: shifts)
    }
    period.scaleAndShift(
      call.inputs[0].pointer, count: call.inputs[0].count, by: scales, shifts, into: call.outputs[0].pointer, worker)
  }

  /// With r = 1 / sqrt(variance + epsilon): dx = weight r dy, dweight = r Σ dy (x - mean), dbias = Σ dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let weight = call.inputs[1].pointer, variance = call.inputs[4].pointer
    let dx = call.inputGradients[0], dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels), count = call.inputs[0].count
    let scales = call.context.scratch(of: worker)
    if dweight != nil || dbias != nil {
      let x = call.inputs[0].pointer
      ChannelGradientSums(period: period, rows: count / period.channels)(
        mean: call.inputs[3].pointer, partials: call.context.sharedScratch, own: scales + period.width, worker
      ) { index, _ in
        (dy.lanes(at: index), x.lanes(at: index))
      } rest: { index, _ in
        (dy[index], x[index])
      } total: { channel, plain, centered in
        dweight?.put(Float(centered * inverseDeviation(variance[channel])), at: channel)
        dbias?.put(Float(plain), at: channel)
      }
    }
    guard let dx else { return }
    for channel in 0..<period.channels {
      period.spread(Float(Double(weight[channel]) * inverseDeviation(variance[channel])), channel, into: scales)
    }
    for range in worker.ranges(count, by: period.tileFloats) {
      period.visit(range) { index, place in
        dx.put(scales.lanes(at: place) * dy.lanes(at: index), at: index)
      } rest: { index, place in
        dx.put(scales[place] * dy[index], at: index)
      }
    }
  }

  @inline(__always)
  private func inverseDeviation(_ variance: Float) -> Double { 1 / (Double(variance) + Double(epsilon)).squareRoot() }
}
