import Compute

/// Mean and M2 = Σ (x - mean)² of every channel over parts of a batch, each taken by one worker, then merged for all
/// parts at once, in their order and in double: mean = Σ nₚ meanₚ / n, M2 = Σ M2ₚ + nₚ (meanₚ - mean)² (Chan, Golub and
/// LeVeque 1983).
struct MomentParts {
  private let count: Int
  private let channels: Int
  /// Channels rounded up to whole vectors.
  private let padded: Int
  private let memory: UnsafeMutablePointer<Float>

  /// Floats that all workers share.
  static func floats(_ count: Int, channels: Int) -> Int { count * (2 * Lanes.padded(channels) + 1) }

  init(_ count: Int, channels: Int, in memory: UnsafeMutablePointer<Float>) {
    (self.count, self.channels, self.memory) = (count, channels, memory)
    padded = Lanes.padded(channels)
  }

  /// Where a part has its moments, rows of channels with room for whole vectors.
  @inline(__always)
  subscript(part: Int) -> ColumnMoments {
    ColumnMoments(means: memory + part * padded, squares: memory + (count + part) * padded)
  }

  /// Begins a part that may stay without values.
  @inline(__always)
  func clear(_ part: Int) {
    self[part].means.update(repeating: 0, count: padded)
    self[part].squares.update(repeating: 0, count: padded)
  }

  /// Says how many values of each channel a part has: fewer than 2^24.
  @inline(__always)
  func setRows(_ rows: Int, of part: Int) { memory[2 * count * padded + part] = Float(rows) }

  /// The moments of the part that takes in `rows`, one of the ranges that rows are cut into `size` by `size`.
  @inline(__always)
  func part(of rows: Range<Int>, by size: Int) -> ColumnMoments {
    setRows(rows.count, of: rows.lowerBound / size)
    return self[rows.lowerBound / size]
  }

  /// Calls `body` once for every channel, on some worker, with its mean and biased variance. After a barrier.
  /// - Parameter own: `ChannelTotals.floats` of the worker's memory.
  @inline(__always)
  func totals(
    own: UnsafeMutablePointer<Float>, _ worker: Worker,
    _ body: (_ channel: Int, _ mean: Double, _ variance: Double) -> Void
  ) {
    let totals = ChannelTotals(in: own), sums = totals.first, deviations = totals.second
    let rows = memory + 2 * count * padded
    var total = 0.0
    for part in 0..<count { total += Double(rows[part]) }
    for range in worker.ranges(channels, by: 16) {
      totals.clear()
      // Rows are padded to whole vectors: lanes past the last channel hold anything and go nowhere.
      for part in 0..<count {
        let mean = self[part].means + range.lowerBound, rows = Double(rows[part])
        for lane in 0..<16 { sums[lane] += rows * Double(mean[lane]) }
      }
      for lane in 0..<16 { sums[lane] /= total }
      for part in 0..<count {
        let moments = self[part], rows = Double(rows[part])
        for lane in 0..<16 {
          let distance = Double(moments.means[range.lowerBound + lane]) - sums[lane]
          deviations[lane] += Double(moments.squares[range.lowerBound + lane]) + rows * distance * distance
        }
      }
      for lane in 0..<range.count { body(range.lowerBound + lane, sums[lane], deviations[lane] / total) }
    }
  }
}
