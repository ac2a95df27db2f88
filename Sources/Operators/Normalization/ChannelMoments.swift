import Compute

/// Mean and variance of every channel of rows of `channels` floats, by all workers together.
///
/// Each tile finds its mean first and then, while it lies in the cache, its squared deviations M2 from that mean, so
/// that nothing cancels however far the mean lies from zero. Tiles are merged by the formula of Chan, Golub and LeVeque
/// (1983), for all tiles at once: mean = Σ nₜ meanₜ / n, M2 = Σ M2ₜ + nₜ (meanₜ - mean)², in the order of the tiles, in
/// double.
struct ChannelMoments {
  let period: ChannelPeriod
  let rows: Int

  private var tiles: Int { (rows + period.tileRows - 1) / period.tileRows }

  /// Floats that all workers share, and floats of each.
  var scratch: Scratch {
    Scratch(shared: 2 * tiles * period.padded, perWorker: 2 * period.width + ChannelTotals.floats)
  }

  /// Calls `body` once for every channel, on some worker, with its mean and biased variance.
  @inline(__always)
  func callAsFunction(
    of x: UnsafePointer<Float>, partials: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>,
    _ worker: Worker,
    _ body: (_ channel: Int, _ mean: Double, _ variance: Double) -> Void
  ) {
    let padded = period.padded, tiles = tiles, tileRows = period.tileRows
    let means = partials, squares = partials + tiles * padded
    for tile in worker.tiles(tiles) {
      tileMoments(
        x + tile * tileRows * period.channels, rows: min(tileRows, rows - tile * tileRows),
        mean: means + tile * padded, squares: squares + tile * padded, own: own)
    }
    worker.barrier()
    let totals = ChannelTotals(in: own + 2 * period.width), sums = totals.first, deviations = totals.second
    for range in worker.ranges(period.channels, by: 16) {
      totals.clear()
      // Scratch rows are padded to whole vectors: lanes past the last channel hold anything and go nowhere.
      for tile in 0..<tiles {
        let mean = means + tile * padded + range.lowerBound, count = Double(min(tileRows, rows - tile * tileRows))
        for lane in 0..<16 { sums[lane] += count * Double(mean[lane]) }
      }
      for lane in 0..<16 { sums[lane] /= Double(rows) }
      for tile in 0..<tiles {
        let at = tile * padded + range.lowerBound, count = Double(min(tileRows, rows - tile * tileRows))
        for lane in 0..<16 {
          let distance = Double(means[at + lane]) - sums[lane]
          deviations[lane] += Double(squares[at + lane]) + count * distance * distance
        }
      }
      for lane in 0..<range.count { body(range.lowerBound + lane, sums[lane], deviations[lane] / Double(rows)) }
    }
  }

  @inline(__always)
  private func tileMoments(
    _ x: UnsafePointer<Float>, rows: Int, mean: UnsafeMutablePointer<Float>, squares: UnsafeMutablePointer<Float>,
    own: UnsafeMutablePointer<Float>
  ) {
    let sums = own, center = own + period.width, count = rows * period.channels
    period.sum(count, into: sums) { index, _ in
      x.lanes(at: index)
    } rest: { index, _ in
      x[index]
    }
    for channel in 0..<period.channels {
      mean[channel] = period.gathered(channel, of: sums) / Float(rows)
      period.spread(mean[channel], channel, into: center)
    }
    period.sum(count, into: sums) { index, place in
      let deviation = x.lanes(at: index) - center.lanes(at: place)
      return deviation * deviation
    } rest: { index, place in
      let deviation = x[index] - center[place]
      return deviation * deviation
    }
    for channel in 0..<period.channels { squares[channel] = period.gathered(channel, of: sums) }
  }
}
