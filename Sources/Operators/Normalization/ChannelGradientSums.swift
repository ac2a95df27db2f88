import Compute

/// Σ dy and Σ dy (x - mean) of every channel, which the gradients of a batch norm are made of, by all workers together.
///
/// Sums of tiles are added in the order of the tiles, in double.
struct ChannelGradientSums {
  let period: ChannelPeriod
  let rows: Int

  private var tiles: Int { (rows + period.tileRows - 1) / period.tileRows }

  /// Floats that all workers share, and floats of each.
  var scratch: Scratch {
    Scratch(shared: 2 * tiles * period.padded, perWorker: 3 * period.width + ChannelTotals.floats)
  }

  /// Calls `body` once for every channel, on some worker, with its two sums.
  @inline(__always)
  func callAsFunction(
    dy: UnsafePointer<Float>, x: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    partials: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>, _ worker: Worker,
    _ body: (_ channel: Int, _ plain: Double, _ centered: Double) -> Void
  ) {
    let padded = period.padded, tiles = tiles, tileRows = period.tileRows, channels = period.channels
    let plain = partials, centered = partials + tiles * padded
    let plainSums = own, centeredSums = own + period.width, center = own + 2 * period.width
    for channel in 0..<channels { period.spread(mean[channel], channel, into: center) }
    for tile in worker.tiles(tiles) {
      let dy = dy + tile * tileRows * channels, x = x + tile * tileRows * channels
      period.sums(min(tileRows, rows - tile * tileRows) * channels, into: plainSums, centeredSums) { index, place in
        let slope = dy.lanes(at: index)
        return (slope, slope * (x.lanes(at: index) - center.lanes(at: place)))
      } rest: { index, place in
        (dy[index], dy[index] * (x[index] - center[place]))
      }
      for channel in 0..<channels {
        plain[tile * padded + channel] = period.gathered(channel, of: plainSums)
        centered[tile * padded + channel] = period.gathered(channel, of: centeredSums)
      }
    }
    worker.barrier()
    let totals = ChannelTotals(in: own + 3 * period.width)
    for range in worker.ranges(channels, by: 16) {
      totals.clear()
      for tile in 0..<tiles {
        let at = tile * padded + range.lowerBound
        for lane in 0..<16 { totals.first[lane] += Double(plain[at + lane]) }
        for lane in 0..<16 { totals.second[lane] += Double(centered[at + lane]) }
      }
      for lane in 0..<range.count { body(range.lowerBound + lane, totals.first[lane], totals.second[lane]) }
    }
  }
}
