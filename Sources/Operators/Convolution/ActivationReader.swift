import Compute

/// What a convolution makes of the activations as it reads them.
protocol ActivationReader {
  /// - Parameter count: the channels from `channel` on that x holds, sixteen or fewer.
  func callAsFunction(_ x: Lanes, _ channel: Int, _ count: Int) -> Lanes
}

struct AsItLies: ActivationReader {
  @inline(__always)
  func callAsFunction(_ x: Lanes, _ channel: Int, _ count: Int) -> Lanes { x }
}

/// f(scale x + shift): what a batch norm and its activation make of x, channel by channel.
struct NormalizedReader: ActivationReader {
  private let affine: ChannelAffine
  private let f: Clamp.Bounds

  /// The floats of memory that it needs, for a multiple of sixteen channels.
  static func floats(_ channels: Int) -> Int { 2 * channels }

  /// - Parameter inputs: those of `Normalize`.
  @inline(__always)
  init(_ inputs: [TensorView], _ activation: Clamp, in memory: UnsafeMutablePointer<Float>) {
    affine = ChannelAffine(inputs, in: memory)
    f = Clamp.Bounds(activation)
  }

  @inline(__always)
  func callAsFunction(_ x: Lanes, _ channel: Int, _ count: Int) -> Lanes { f.value(affine(x, channel)) }

  /// g = dy f' at x.
  @inline(__always)
  func slope(_ dy: Lanes, at x: Lanes, _ channel: Int) -> Lanes { f.gradient(dy, at: affine(x, channel)) }

  /// Whole rows of x, read.
  func copy(
    _ x: UnsafeMutablePointer<Float>, rows: Int, channels: Int, to target: UnsafeMutablePointer<Float>
  ) {
    for row in stride(from: 0, to: rows * channels, by: channels) {
      for channel in stride(from: 0, to: channels, by: 16) {
        target.store(self(x.streamedLanes(at: row + channel), channel, 16), at: row + channel)
      }
    }
  }

  /// g = da f' in the place of da, and its two sums over rows of channels: Σ g and Σ g (x - mean).
  func sumSlopes(
    _ g: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, mean: UnsafeMutablePointer<Float>, rows: Int,
    channels: Int, to plain: UnsafeMutablePointer<Float>, _ centered: UnsafeMutablePointer<Float>
  ) {
    // Down the rows, a vector of channels at a time: both sums stay in registers.
    for channel in stride(from: 0, to: channels, by: 16) {
      let center = mean.lanes(at: channel)
      var sums = (Lanes(repeating: 0), Lanes(repeating: 0)), others = sums
      @inline(__always) func take(_ row: Int, _ sums: inout (Lanes, Lanes)) {
        let at = row * channels + channel, value = x.lanes(at: at)
        let slope = self.slope(g.lanes(at: at), at: value, channel)
        g.store(slope, at: at)
        sums.0 += slope
        sums.1.addProduct(slope, value - center)
      }
      for pair in 0..<rows / 2 {
        take(2 * pair, &sums)
        take(2 * pair + 1, &others)
      }
      if rows % 2 == 1 { take(rows - 1, &sums) }
      plain.store(sums.0 + others.0, at: channel)
      centered.store(sums.1 + others.1, at: channel)
    }
  }

  /// dx = a g + b x + c, g = da f', over a range of floats that is rows of channels.
  /// - Parameter a: a row of channels, b and c behind it.
  func combine(
    _ da: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, pixels: Range<Int>, channels: Int,
    by a: UnsafeMutablePointer<Float>, into dx: StreamedOutput
  ) {
    for row in stride(from: pixels.lowerBound, to: pixels.upperBound, by: channels) {
      for channel in stride(from: 0, to: channels, by: 16) {
        let at = row + channel, value = x.streamedLanes(at: at), g = slope(da.lanes(at: at), at: value, channel)
        let rest = a.lanes(at: 2 * channels + channel).addingProduct(a.lanes(at: channels + channel), value)
        dx.put(rest.addingProduct(a.lanes(at: channel), g), at: at)
      }
    }
  }
}
