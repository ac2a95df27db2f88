import Compute

/// scale x + shift, both numbers spread over a period of channels: what a batch norm is once its statistics are known.
///
/// Where there is none: 1 x + 0, with a mean and a bias of 0, so that kernels need not ask.
struct ChannelAffine {
  let period: ChannelPeriod
  private let scales: UnsafePointer<Float>
  private let shifts: UnsafePointer<Float>
  /// The norm's own, a row of channels each.
  private let means, biases: UnsafePointer<Float>

  /// Checks the four numbers of each channel behind `first`, as `init` takes them.
  static func check(_ inputs: [Shape], from first: Int) throws(ShapeError) {
    guard inputs.count >= first + 4 else {
      throw ShapeError("cannot normalize \(inputs[0]): \(inputs.count) inputs, wanted a norm's four behind \(first)")
    }
    try requireChannels(
      of: [inputs[0]] + inputs[first..<first + 4], "normalize", ["weight", "bias", "mean", "inverse deviation"])
  }

  /// The memory that `init` takes, in floats.
  static func floats(_ x: Shape) -> Int { 2 * ChannelPeriod(channels: x.channels).width }

  /// From `[x, …, weight, bias, mean, r, …]`, in `memory` of two periods. Every worker computes these few numbers for
  /// itself: cheaper than a barrier.
  /// - Parameter first: where the weight stands, right behind x in `Normalize`; `nil` leaves x as it is.
  @inline(__always)
  init(_ inputs: [TensorView], from first: Int? = 1, in memory: UnsafeMutablePointer<Float>) {
    period = ChannelPeriod(channels: inputs[0].shape.channels)
    scales = UnsafePointer(memory)
    shifts = UnsafePointer(memory + period.width)
    guard let first else {
      memory.update(repeating: 1, count: period.width)
      (memory + period.width).update(repeating: 0, count: period.width)
      (means, biases) = (shifts, shifts)
      return
    }
    let weight = inputs[first].pointer, bias = inputs[first + 1].pointer
    let mean = inputs[first + 2].pointer, inverse = inputs[first + 3].pointer
    (means, biases) = (UnsafePointer(mean), UnsafePointer(bias))
    for channel in 0..<period.channels {
      let scale = Float(Double(weight[channel]) * Double(inverse[channel]))
      period.spread(scale, channel, into: memory)
      // From the rounded scale, so that x = mean gives the bias up to the rounding of one number.
      period.spread(
        Float(Double(bias[channel]) - Double(mean[channel]) * Double(scale)), channel, into: memory + period.width)
    }
  }

  /// y's slope.
  @inline(__always)
  func scale(_ place: Int) -> Lanes { scales.lanes(at: place) }

  /// The norm's mean and bias, of up to sixteen channels: y = scale (x - mean) + bias.
  @inline(__always)
  func mean(_ channel: Int, _ count: Int) -> Lanes { means.lanes(at: channel, first: count) }

  @inline(__always)
  func bias(_ channel: Int, _ count: Int) -> Lanes { biases.lanes(at: channel, first: count) }

  @inline(__always)
  func mean(of channel: Int) -> Float { means[channel] }

  @inline(__always)
  func scale(of channel: Int) -> Float { scales[channel] }

  @inline(__always)
  func callAsFunction(_ x: Lanes, _ place: Int) -> Lanes {
    shifts.lanes(at: place).addingProduct(scales.lanes(at: place), x)
  }

  @inline(__always)
  func callAsFunction(_ x: Float, _ place: Int) -> Float { shifts[place].addingProduct(scales[place], x) }
}
