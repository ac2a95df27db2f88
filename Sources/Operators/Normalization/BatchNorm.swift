import Compute

/// Batch normalisation in training: y = weight (x - mean) / sqrt(variance + epsilon) + bias, the statistics taken over
/// all axes but the last (Ioffe, Szegedy; ICML 2015, algorithm 1).
///
/// Inputs: x `[..., C]`, weight, bias, running mean, running variance, each `[C]`. Outputs: y `[..., C]`, then each
/// `[C]`: mean of the batch, 1 / sqrt(variance + epsilon), running mean and running variance after this batch. Only y
/// carries a gradient.
///
/// running' = (1 - momentum) running + momentum batch. As elsewhere in the field, the batch is normalised by its biased
/// variance and the running variance follows the unbiased one, n / (n - 1) times as large; where a channel has but one
/// value, that would be 0 / 0, and the biased one (zero) is taken.
public struct BatchNorm: Operator {
  public let epsilon: Float
  /// The weight of this batch in the running statistics, 0...1.
  public let momentum: Float

  public init(epsilon: Float = 1e-5, momentum: Float = 0.1) {
    self.epsilon = epsilon
    self.momentum = momentum
  }

  public var name: String { "batch_norm" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, "batch_norm", ["weight", "bias", "running mean", "running variance"])
    let perChannel: Shape = [inputs[0].channels]
    return [inputs[0], perChannel, perChannel, perChannel, perChannel]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1, 2]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let period = ChannelPeriod(channels: inputs[0].channels), rows = inputs[0].count / inputs[0].channels
    switch pass {
    case .forward:
      let moments = ChannelMoments(period: period, rows: rows).scratch
      return Scratch(shared: NormScaling.floats(period) + moments.shared, perWorker: moments.perWorker)
    case .backward:
      let sums = ChannelGradientSums(period: period, rows: rows).scratch
      return Scratch(shared: 3 * period.width + sums.shared, perWorker: sums.perWorker)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    let rows = call.inputs[0].count / period.channels
    let scaling = NormScaling(
      call, period, rows: rows, epsilon: epsilon, momentum: momentum, memory: call.context.sharedScratch)
    ChannelMoments(period: period, rows: rows)(
      of: call.inputs[0].pointer, partials: call.context.sharedScratch + NormScaling.floats(period),
      own: call.context.scratch(of: worker), worker
    ) { channel, mean, variance in
      scaling.set(channel, mean, variance)
    }
    worker.barrier()
    scaling.apply(call, worker)
  }

  /// dbias = Σ dy, dweight = Σ dy x̂, dx = weight r (dy - Σ dy / n - x̂ Σ dy x̂ / n): see `NormGradient`.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let batchMean = call.outputs[1].pointer, inverseDeviation = call.outputs[2].pointer
    let dx = call.inputGradients[0], dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    let count = call.inputs[0].count, rows = count / period.channels
    let a = call.context.sharedScratch
    ChannelGradientSums(period: period, rows: rows)(
      mean: batchMean, partials: a + 3 * period.width, own: call.context.scratch(of: worker), worker
    ) { index, _ in
      (dy.lanes(at: index), x.lanes(at: index))
    } rest: { index, _ in
      (dy[index], x[index])
    } total: { channel, plain, centered in
      NormGradient(
        sum: plain, centeredSum: centered, count: rows, weight: weight[channel], mean: batchMean[channel],
        inverse: inverseDeviation[channel]
      ).put(channel, dweight, dbias, over: period, into: a)
    }
    guard let dx else { return }
    worker.barrier()
    NormGradient.combine(dy, x, count: count, over: period, by: a, into: dx, worker)
  }
}

/// Throws unless every input after the first has one number for each channel of the first.
func requireChannels(of inputs: [Shape], _ operation: String, _ roles: [String]) throws(ShapeError) {
  for (role, shape) in zip(roles, inputs.dropFirst()) where shape != [inputs[0].channels] {
    throw ShapeError("cannot \(operation) \(inputs[0]): the \(role) is \(shape), wanted [\(inputs[0].channels)]")
  }
}
