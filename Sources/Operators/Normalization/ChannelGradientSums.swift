import Compute

/// Σ dy and Σ dy (x - mean) of every channel, which the gradients of a batch norm are made of, by all workers together.
///
/// Sums of tiles are added in the order of the tiles, in double.
struct ChannelGradientSums {
  let period: ChannelPeriod
  let rows: Int

  private var tiles: Int { (rows + period.tileRows - 1) / period.tileRows }

  /// Floats that all workers share, and floats of each.
  var scratch: Scratch { Scratch(shared: 2 * tiles * period.padded, perWorker: 2 * period.width) }

  /// Calls `body` once for every channel, on some worker, with its two sums.
  @inline(__always)
  func callAsFunction(
    dy: UnsafePointer<Float>, x: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    partials: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>, _ worker: Worker,
    _ body: (_ channel: Int, _ plain: Double, _ centered: Double) -> Void
  ) {
    let padded = period.padded, tiles = tiles, tileRows = period.tileRows, channels = period.channels
    let plain = partials, centered = partials + tiles * padded
    let sums = own, center = own + period.width
    for channel in 0..<channels { period.spread(mean[channel], channel, into: center) }
    for tile in worker.tiles(tiles) {
      let dy = dy + tile * tileRows * channels, x = x + tile * tileRows * channels
      let count = min(tileRows, rows - tile * tileRows) * channels
      // Two walks: the second finds dy in the cache, where the first has brought it.
      period.sum(count, into: sums) { index, place in
        dy.lanes(at: index) * (x.lanes(at: index) - center.lanes(at: place))
      } rest: { index, place in
        dy[index] * (x[index] - center[place])
      }
      for channel in 0..<channels { centered[tile * padded + channel] = period.gathered(channel, of: sums) }
      period.sum(count, into: sums) { index, _ in
        dy.lanes(at: index)
      } rest: { index, _ in
        dy[index]
      }
      for channel in 0..<channels { plain[tile * padded + channel] = period.gathered(channel, of: sums) }
    }
    worker.barrier()
    for range in worker.ranges(channels, by: 16) {
      for channel in range {
        var sum = 0.0, product = 0.0
        for tile in 0..<tiles {
          sum += Double(plain[tile * padded + channel])
          product += Double(centered[tile * padded + channel])
        }
        body(channel, sum, product)
      }
    }
  }
}
