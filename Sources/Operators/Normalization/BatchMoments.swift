import Compute

/// The statistics of a batch, the first half of a training batch norm; `Normalize` is the second.
///
/// Inputs: x `[..., C]`, running mean and running variance `[C]`. Outputs, each `[C]`: mean, 1 / sqrt(variance +
/// epsilon), running mean and running variance after this batch (see `BatchNorm`). No output carries a gradient:
/// `Normalize` gives x the whole gradient of the norm, the part that flows through the statistics included. So the
/// second half can be fused with what follows it, or computed again, while the running statistics move once.
public struct BatchMoments: Operator {
  public let epsilon: Float
  /// The weight of this batch in the running statistics, 0...1.
  public let momentum: Float

  public init(epsilon: Float = 1e-5, momentum: Float = 0.1) {
    self.epsilon = epsilon
    self.momentum = momentum
  }

  public var name: String { "batch_moments" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, "take moments of", ["running mean", "running variance"])
    return [Shape](repeating: [inputs[0].channels], count: 4)
  }

  public var keeps: Kept { .nothing }

  public func isDifferentiable(input: Int) -> Bool { false }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    ChannelMoments(period: ChannelPeriod(channels: inputs[0].channels), rows: inputs[0].count / inputs[0].channels).scratch
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    let running = RunningStatistics(
      momentum: momentum, rows: call.inputs[0].count / period.channels, mean: call.inputs[1].pointer,
      variance: call.inputs[2].pointer, newMean: call.outputs[2].pointer, newVariance: call.outputs[3].pointer)
    let batchMean = call.outputs[0].pointer, inverseDeviation = call.outputs[1].pointer, epsilon = Double(epsilon)
    ChannelMoments(period: period, rows: running.rows)(
      of: call.inputs[0].pointer, partials: call.context.sharedScratch, own: call.context.scratch(of: worker), worker
    ) { channel, mean, variance in
      batchMean[channel] = Float(mean)
      inverseDeviation[channel] = Float(1 / (variance + epsilon).squareRoot())
      running.update(channel, mean, variance)
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {}
}

/// How the running statistics follow those of a batch.
struct RunningStatistics {
  let momentum: Float
  /// Values a channel.
  let rows: Int
  let mean: UnsafePointer<Float>
  let variance: UnsafePointer<Float>
  let newMean: UnsafeMutablePointer<Float>
  let newVariance: UnsafeMutablePointer<Float>

  init(
    momentum: Float, rows: Int, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>,
    newMean: UnsafeMutablePointer<Float>, newVariance: UnsafeMutablePointer<Float>
  ) {
    (self.momentum, self.rows, self.mean, self.variance) = (momentum, rows, mean, variance)
    (self.newMean, self.newVariance) = (newMean, newVariance)
  }

  /// running' = (1 - momentum) running + momentum batch, the variance unbiased where there is more than one value.
  @inline(__always)
  func update(_ channel: Int, _ batchMean: Double, _ batchVariance: Double) {
    let unbiased = rows > 1 ? Double(rows) / Double(rows - 1) : 1
    newMean[channel] = (1 - momentum) * mean[channel] + momentum * Float(batchMean)
    newVariance[channel] = (1 - momentum) * variance[channel] + momentum * Float(batchVariance * unbiased)
  }
}
