import Compute

/// What a training norm does to each channel, from its statistics: y = scale x + shift with scale = weight r, shift =
/// bias - mean scale and r = 1 / sqrt(variance + epsilon), and what it leaves of them.
///
/// For operators with the inputs x, weight, bias, running mean, running variance and the outputs y, mean, r, running
/// mean, running variance.
struct NormScaling {
  private let period: ChannelPeriod
  private let epsilon: Double
  private let weight, bias: UnsafePointer<Float>
  private let mean, inverseDeviation: UnsafeMutablePointer<Float>
  private let running: RunningStatistics
  /// Both numbers spread over a period.
  private let scales, shifts: UnsafeMutablePointer<Float>

  /// The floats of memory that it needs.
  static func floats(_ period: ChannelPeriod) -> Int { 2 * period.width }

  /// - Parameter rows: the values of a channel that the statistics are of.
  init(
    _ call: ForwardCall, _ period: ChannelPeriod, rows: Int, epsilon: Float, momentum: Float,
    memory: UnsafeMutablePointer<Float>
  ) {
    self.period = period
    self.epsilon = Double(epsilon)
    weight = UnsafePointer(call.inputs[1].pointer)
    bias = UnsafePointer(call.inputs[2].pointer)
    mean = call.outputs[1].pointer
    inverseDeviation = call.outputs[2].pointer
    running = RunningStatistics(
      momentum: momentum, rows: rows, mean: call.inputs[3].pointer, variance: call.inputs[4].pointer,
      newMean: call.outputs[3].pointer, newVariance: call.outputs[4].pointer)
    scales = memory
    shifts = memory + period.width
  }

  /// Takes a channel's statistics.
  @inline(__always)
  func set(_ channel: Int, _ mean: Double, _ variance: Double) {
    let inverse = 1 / (variance + epsilon).squareRoot(), scale = Float(Double(weight[channel]) * inverse)
    self.mean[channel] = Float(mean)
    inverseDeviation[channel] = Float(inverse)
    running.update(channel, mean, variance)
    period.spread(scale, channel, into: scales)
    // From the rounded scale, so that x = mean gives the bias up to the rounding of one number.
    period.spread(Float(Double(bias[channel]) - mean * Double(scale)), channel, into: shifts)
  }

  /// y = scale x + shift, once every channel is set. All workers call this together.
  @inline(__always)
  func apply(_ call: ForwardCall, _ worker: Worker) {
    period.scaleAndShift(
      call.inputs[0].pointer, count: call.inputs[0].count, by: scales, shifts, into: call.outputs[0].pointer, worker)
  }
}

extension ChannelPeriod {
  /// y = scale x + shift, with both numbers spread over a period.
  @inline(__always)
  func scaleAndShift(
    _ x: UnsafePointer<Float>, count: Int, by scales: UnsafePointer<Float>, _ shifts: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    for range in worker.ranges(count, by: tileFloats) {
      visit(range) { index, place in
        y.store(shifts.lanes(at: place).addingProduct(scales.lanes(at: place), x.lanes(at: index)), at: index)
      } rest: { index, place in
        y[index] = shifts[place].addingProduct(scales[place], x[index])
      }
    }
  }
}
