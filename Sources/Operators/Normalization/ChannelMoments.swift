import Compute

/// Mean and variance of every channel of rows of `channels` floats, by all workers together.
///
/// Each tile sums the distances of its values from the mean of its first rows and their squares, d = x - p: its mean is
/// p + Σd / n and the sum M2 of its squared deviations Σd² - (Σd)² / n. Nothing cancels however far the mean lies from
/// zero: p is as near to the tile's mean as a few samples are. Tiles are merged in the end (`MomentParts`).
struct ChannelMoments {
  let period: ChannelPeriod
  let rows: Int

  private var tiles: Int { (rows + period.tileRows - 1) / period.tileRows }

  /// Floats that all workers share, and floats of each.
  var scratch: Scratch {
    Scratch(
      shared: MomentParts.floats(tiles, channels: period.channels),
      perWorker: period.momentFloats + ChannelTotals.floats)
  }

  /// Calls `body` once for every channel, on some worker, with its mean and biased variance.
  @inline(__always)
  func callAsFunction(
    of x: UnsafeMutablePointer<Float>, partials: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>,
    _ worker: Worker,
    _ body: (_ channel: Int, _ mean: Double, _ variance: Double) -> Void
  ) {
    let tiles = tiles, tileRows = period.tileRows
    let parts = MomentParts(tiles, channels: period.channels, in: partials)
    for tile in worker.tiles(tiles) {
      let rows = min(tileRows, rows - tile * tileRows)
      period.putMoments(of: x + tile * tileRows * period.channels, rows: rows, into: parts[tile], own: own)
      parts.setRows(rows, of: tile)
    }
    worker.barrier()
    parts.totals(own: own + period.momentFloats, worker, body)
  }
}

extension ChannelPeriod {
  /// Working memory of `putMoments`.
  var momentFloats: Int { 3 * width }

  /// Mean and M2 of every channel of a tile of `rows`.
  @inline(__always)
  func putMoments(
    of x: UnsafeMutablePointer<Float>, rows: Int, into moments: ColumnMoments, own: UnsafeMutablePointer<Float>
  ) {
    let mean = moments.means, squares = moments.squares
    let sums = own, squared = own + width, pivot = own + 2 * width, count = rows * channels
    let samples = min(rows, 16)
    mean.update(from: x, count: channels)
    for row in 1..<samples { addFloats(x + row * channels, to: mean, count: channels) }
    for channel in 0..<channels { mean[channel] *= 1 / Float(samples) }
    spread(mean, into: pivot)
    self.sums(count, into: sums, squared) { index, place in
      let distance = x.streamedLanes(at: index) - pivot.lanes(at: place)
      return (distance, distance * distance)
    } rest: { index, place in
      let distance = x[index] - pivot[place]
      return (distance, distance * distance)
    }
    gather(sums, into: mean)
    gather(squared, into: squares)
    // The rows end with whole vectors.
    let share = 1 / Float(rows)
    for place in stride(from: 0, to: padded, by: 16) {
      let sum = mean.lanes(at: place), distance = sum * share, squared = squares.lanes(at: place)
      mean.store(pivot.lanes(at: place) + distance, at: place)
      // Below zero by a rounding where all values are alike; infinite where squares are too large for a float.
      let deviations = squared - distance * sum
      squares.store(
        deviations.replacing(with: 0, where: deviations .< 0).replacing(with: .infinity, where: squared .== .infinity),
        at: place)
    }
  }
}
