import Compute

/// Convolution along the channels, ECA's interaction of neighbouring channels (Wang et al., CVPR 2020, eq. 7; ECA-NS
/// for one filter a channel): y[n, c] = Σ w[j] x[n, c + j - (k - 1) / 2], with zeros beyond the ends.
///
/// Inputs: x `[N, …, C]`, weight `[k]` (shared by all channels) or `[C, k]` (one filter a channel); k is odd.
public struct ChannelConv1D: Operator {
  public init() {}

  public var name: String { "channel_conv1d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    let fits = weight.rank == 1 || (weight.rank == 2 && weight[0] == x.channels)
    guard fits, weight.channels % 2 == 1 else {
      throw ShapeError(
        "cannot convolve the channels of \(x) with \(weight): wanted [k] or [\(x.channels), k] with k odd")
    }
    return [x]
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    guard pass == .backward else { return Scratch() }
    let taps = Taps(inputs[0], inputs[1])
    return Scratch(shared: taps.tileCount * inputs[1].count)
  }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[1].channels }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let taps = Taps(call.inputs[0].shape, call.inputs[1].shape), channels = taps.channels
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer, y = call.outputs[0].pointer
    for rows in worker.ranges(taps.rows, by: taps.rowsPerTile) {
      for row in rows {
        let input = x + row * channels, result = y + row * channels
        for channel in 0..<channels {
          var total: Float = 0
          for tap in taps.inside(channel) {
            total += weight[taps.index(channel, tap)] * input[channel + tap - taps.half]
          }
          result[channel] = total
        }
      }
    }
  }

  /// dx[n, c] = Σ w[c - j + h, j] dy[n, c - j + h] with h = (k - 1) / 2; dw[c, j] = Σ over n of dy[n, c] x[n, c + j -
  /// h], summed over c as well where the filter is shared.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let taps = Taps(call.inputs[0].shape, call.inputs[1].shape)
    if let dx = call.inputGradients[0] { inputGradient(taps, dy, call.inputs[1].pointer, dx, worker) }
    guard let dWeight = call.inputGradients[1] else { return }
    let partials = call.context.sharedScratch, weights = call.inputs[1].count
    for tile in worker.tiles(taps.tileCount) {
      weightGradient(taps, dy, call.inputs[0].pointer, taps.tileRows(tile), partials + tile * weights)
    }
    worker.barrier()
    for range in worker.ranges(weights, by: 256) {
      for index in range {
        var total = 0.0
        for tile in 0..<taps.tileCount { total += Double(partials[tile * weights + index]) }
        dWeight.put(Float(total), at: index)
      }
    }
  }

  private func inputGradient(
    _ taps: Taps, _ dy: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ dx: GradientTarget,
    _ worker: Worker
  ) {
    let channels = taps.channels
    for rows in worker.ranges(taps.rows, by: taps.rowsPerTile) {
      for row in rows {
        let slope = dy + row * channels
        for channel in 0..<channels {
          var total: Float = 0
          for tap in taps.inside(channel) {
            // Mirrored: the output c + tap - h reads this input with its tap k - 1 - tap.
            let output = channel + tap - taps.half
            total += weight[taps.index(output, taps.count - 1 - tap)] * slope[output]
          }
          dx.put(total, at: row * channels + channel)
        }
      }
    }
  }

  /// One tile's part of dw. Doubles: the shared filter's gradient is a sum of N · C terms that mostly cancel.
  private func weightGradient(
    _ taps: Taps, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ rows: Range<Int>,
    _ partial: UnsafeMutablePointer<Float>
  ) {
    let channels = taps.channels
    for tap in 0..<taps.count {
      let shift = tap - taps.half
      let reach = max(0, -shift)..<max(max(0, -shift), min(channels, channels - shift))
      if taps.isShared {
        var total = 0.0
        for row in rows {
          let slope = dy + row * channels, input = x + row * channels + shift
          for channel in reach { total += Double(slope[channel]) * Double(input[channel]) }
        }
        partial[tap] = Float(total)
        continue
      }
      for channel in 0..<channels {
        var total = 0.0
        if reach.contains(channel) {
          for row in rows {
            let at = row * channels + channel
            total += Double(dy[at]) * Double(x[at + shift])
          }
        }
        partial[taps.index(channel, tap)] = Float(total)
      }
    }
  }
}

/// The filter's extent, its place in memory, and the rows that it runs over.
private struct Taps {
  let channels: Int
  let rows: Int
  let count: Int
  let half: Int
  let isShared: Bool

  init(_ x: Shape, _ weight: Shape) {
    channels = x.channels
    rows = x.count(over: 0..<x.rank - 1)
    count = weight.channels
    half = (count - 1) / 2
    isShared = weight.rank == 1
  }

  var rowsPerTile: Int { max(1, 4_096 / channels) }
  var tileCount: Int { (rows + rowsPerTile - 1) / rowsPerTile }
  func tileRows(_ tile: Int) -> Range<Int> { tile * rowsPerTile..<min((tile + 1) * rowsPerTile, rows) }

  /// The taps that meet a channel rather than the zeros beyond the ends.
  @inline(__always)
  func inside(_ channel: Int) -> Range<Int> {
    let start = max(0, half - channel)
    return start..<max(start, min(count, channels + half - channel))
  }

  /// Where a channel's tap lies in the weight.
  @inline(__always)
  func index(_ channel: Int, _ tap: Int) -> Int { isShared ? tap : channel * count + tap }
}
