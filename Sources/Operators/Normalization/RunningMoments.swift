import Compute

/// What a training batch norm makes of its batch's moments, where a convolution has taken them: `BatchMoments` without
/// its pass over the batch.
///
/// Inputs: moments `[2, C]` (means, then biased variances), running mean and running variance `[C]`. Outputs, each
/// `[C]`: mean, 1 / sqrt(variance + epsilon), running mean and running variance after this batch (see `BatchNorm`). No
/// output carries a gradient, as in `BatchMoments`.
public struct RunningMoments: Operator {
  public let epsilon: Float
  /// The weight of this batch in the running statistics, 0...1.
  public let momentum: Float
  /// Values a channel that the moments are taken over.
  public let rows: Int

  public init(epsilon: Float, momentum: Float, rows: Int) {
    (self.epsilon, self.momentum, self.rows) = (epsilon, momentum, rows)
  }

  public var name: String { "running_moments" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let channels = inputs[1]
    guard channels.rank == 1, inputs[2] == channels, inputs[0] == [2, channels[0]] else {
      throw ShapeError("cannot follow moments of shape \(inputs[0]) with \(inputs[1]) and \(inputs[2]): wanted [2, C]")
    }
    return [Shape](repeating: channels, count: 4)
  }

  public var keeps: Kept { .nothing }

  public func isDifferentiable(input: Int) -> Bool { false }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let channels = call.inputs[1].count, moments = call.inputs[0].pointer
    let running = RunningStatistics(
      momentum: momentum, rows: rows, mean: call.inputs[1].pointer, variance: call.inputs[2].pointer,
      newMean: call.outputs[2].pointer, newVariance: call.outputs[3].pointer)
    for range in worker.ranges(channels, by: 1024) {
      for channel in range {
        let mean = Double(moments[channel]), variance = Double(moments[channels + channel])
        call.outputs[0].pointer[channel] = Float(mean)
        call.outputs[1].pointer[channel] = Float(1 / (variance + Double(epsilon)).squareRoot())
        running.update(channel, mean, variance)
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {}
}
