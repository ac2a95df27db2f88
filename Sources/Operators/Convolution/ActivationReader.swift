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
}
