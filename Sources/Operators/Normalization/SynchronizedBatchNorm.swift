import Compute

/// Batch normalisation over the samples of all replicas together: `BatchNorm` as it would be with the whole batch in one
/// place, up to rounding (Peng et al.; CVPR 2018, section 3.3).
///
/// Inputs and outputs as `BatchNorm`'s, and a last output `[1]`: the values of a channel over all replicas. One message
/// a pass: forward the count and, for each channel, Σ x and Σ x² of the replica (from its exact mean and variance, in
/// double precision); backward Σ dy and Σ dy (x - mean). The gradients of weight and bias stay the replica's own part:
/// they are summed over replicas with all others.
public struct SynchronizedBatchNorm: Operator {
  public let epsilon: Float
  public let momentum: Float
  /// `nil` for a replica that is alone.
  public let replicas: (any ReplicaSums)?

  public init(epsilon: Float = 1e-5, momentum: Float = 0.1, over replicas: (any ReplicaSums)?) {
    self.epsilon = epsilon
    self.momentum = momentum
    self.replicas = replicas
  }

  public var name: String { "synchronized_batch_norm" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, name, ["weight", "bias", "running mean", "running variance"])
    let perChannel: Shape = [inputs[0].channels]
    return [inputs[0], perChannel, perChannel, perChannel, perChannel, [1]]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1, 2, 5]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let period = ChannelPeriod(channels: inputs[0].channels), rows = inputs[0].count / inputs[0].channels
    let message = Message.floats(channels: period.channels)
    switch pass {
    case .forward:
      let moments = ChannelMoments(period: period, rows: rows).scratch
      return Scratch(shared: message + NormScaling.floats(period) + moments.shared, perWorker: moments.perWorker)
    case .backward:
      let sums = ChannelGradientSums(period: period, rows: rows).scratch
      return Scratch(shared: message + 3 * period.width + sums.shared, perWorker: sums.perWorker)
    }
  }

  /// Two numbers of each channel, then one.
  private struct Message {
    let values: UnsafeMutableBufferPointer<Double>

    static func floats(channels: Int) -> Int { Lanes.padded(2 * (2 * channels + 1)) }

    init(in memory: UnsafeMutablePointer<Float>, channels: Int) {
      let start = UnsafeMutableRawPointer(memory).bindMemory(to: Double.self, capacity: 2 * channels + 1)
      values = UnsafeMutableBufferPointer(start: start, count: 2 * channels + 1)
    }

    /// Sums over the replicas, seen by all workers afterwards.
    func exchange(_ replicas: (any ReplicaSums)?, _ worker: Worker) {
      worker.barrier()
      if worker.isFirst { replicas?.sum(values) }
      worker.barrier()
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels), channels = period.channels
    let rows = call.inputs[0].count / channels
    let message = Message(in: call.context.sharedScratch, channels: channels)
    let memory = call.context.sharedScratch + Message.floats(channels: channels)
    if worker.isFirst { message.values[2 * channels] = Double(rows) }
    ChannelMoments(period: period, rows: rows)(
      of: call.inputs[0].pointer, partials: memory + NormScaling.floats(period),
      own: call.context.scratch(of: worker), worker
    ) { channel, mean, variance in
      message.values[2 * channel] = Double(rows) * mean
      message.values[2 * channel + 1] = Double(rows) * (variance + mean * mean)
    }
    message.exchange(replicas, worker)

    let total = message.values[2 * channels]
    let scaling = NormScaling(
      call, period, rows: Int(total), epsilon: epsilon, momentum: momentum, memory: memory)
    if worker.isFirst { call.outputs[5].pointer[0] = Float(total) }
    for range in worker.ranges(channels, by: 16) {
      for channel in range {
        let mean = message.values[2 * channel] / total
        scaling.set(channel, mean, max(message.values[2 * channel + 1] / total - mean * mean, 0))
      }
    }
    worker.barrier()
    scaling.apply(call, worker)
  }

  /// As `BatchNorm`'s, with n and both sums over all replicas.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let mean = call.outputs[1].pointer, inverses = call.outputs[2].pointer
    let dx = call.inputGradients[0], dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels), channels = period.channels
    let count = call.inputs[0].count
    let message = Message(in: call.context.sharedScratch, channels: channels)
    let a = call.context.sharedScratch + Message.floats(channels: channels)
    ChannelGradientSums(period: period, rows: count / channels)(
      mean: mean, partials: a + 3 * period.width, own: call.context.scratch(of: worker), worker
    ) { index, _ in
      (dy.lanes(at: index), x.lanes(at: index))
    } rest: { index, _ in
      (dy[index], x[index])
    } total: { channel, plain, centered in
      message.values[2 * channel] = plain
      message.values[2 * channel + 1] = centered
      dweight?.put(Float(centered * Double(inverses[channel])), at: channel)
      dbias?.put(Float(plain), at: channel)
    }
    if worker.isFirst { message.values[2 * channels] = 0 }
    message.exchange(replicas, worker)

    guard let dx else { return }
    for range in worker.ranges(channels, by: 16) {
      for channel in range {
        let gradient = NormGradient(
          sum: message.values[2 * channel], centeredSum: message.values[2 * channel + 1],
          count: Int(call.outputs[5].pointer[0]), weight: weight[channel], mean: mean[channel],
          inverse: inverses[channel])
        gradient.spread(channel, over: period, into: a)
      }
    }
    worker.barrier()
    NormGradient.combine(dy, x, count: count, over: period, by: a, into: dx, worker)
  }
}
