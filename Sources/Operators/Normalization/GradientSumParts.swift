import Compute

/// Σ g and Σ g (x - mean) of every channel over parts of a batch, which the gradients of a batch norm are made of: each
/// part is summed by one worker, then all are added in their order, in double.
struct GradientSumParts {
  private let count: Int
  private let channels: Int
  /// Channels rounded up to whole vectors.
  private let padded: Int
  private let memory: UnsafeMutablePointer<Float>

  /// Floats that all workers share.
  static func floats(_ count: Int, channels: Int) -> Int { 2 * count * Lanes.padded(channels) }

  init(_ count: Int, channels: Int, in memory: UnsafeMutablePointer<Float>) {
    (self.count, self.channels, self.memory) = (count, channels, memory)
    padded = Lanes.padded(channels)
  }

  /// Where a part has its Σ g, a row of channels with room for whole vectors.
  @inline(__always)
  func plain(_ part: Int) -> UnsafeMutablePointer<Float> { memory + part * padded }

  /// Where a part has its Σ g (x - mean).
  @inline(__always)
  func centered(_ part: Int) -> UnsafeMutablePointer<Float> { memory + (count + part) * padded }

  /// Calls `body` once for every channel, on some worker, with its two sums over all parts. After a barrier.
  /// - Parameter own: `ChannelTotals.floats` of the worker's memory.
  @inline(__always)
  func totals(
    own: UnsafeMutablePointer<Float>, _ worker: Worker,
    _ body: (_ channel: Int, _ plain: Double, _ centered: Double) -> Void
  ) {
    let totals = ChannelTotals(in: own)
    for range in worker.ranges(channels, by: 16) {
      totals.clear()
      for part in 0..<count {
        let plain = plain(part) + range.lowerBound, centered = centered(part) + range.lowerBound
        for lane in 0..<16 { totals.first[lane] += Double(plain[lane]) }
        for lane in 0..<16 { totals.second[lane] += Double(centered[lane]) }
      }
      for lane in 0..<range.count { body(range.lowerBound + lane, totals.first[lane], totals.second[lane]) }
    }
  }
}
