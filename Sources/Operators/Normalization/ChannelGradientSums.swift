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
    Scratch(
      shared: GradientSumParts.floats(tiles, channels: period.channels),
      perWorker: 3 * period.width + ChannelTotals.floats)
  }

  /// Asks `lanes` (sixteen at a time) and `rest` once for dy and x at every element, given its place in the period
  /// too, then calls `total` once for every channel, on some worker, with its two sums.
  @inline(__always)
  func callAsFunction(
    mean: UnsafePointer<Float>, partials: UnsafeMutablePointer<Float>, own: UnsafeMutablePointer<Float>,
    _ worker: Worker, lanes term: (_ index: Int, _ place: Int) -> (dy: Lanes, x: Lanes),
    rest restTerm: (_ index: Int, _ place: Int) -> (dy: Float, x: Float),
    total body: (_ channel: Int, _ plain: Double, _ centered: Double) -> Void
  ) {
    let tiles = tiles, tileRows = period.tileRows, channels = period.channels
    let parts = GradientSumParts(tiles, channels: channels, in: partials)
    let plainSums = own, centeredSums = own + period.width, center = own + 2 * period.width
    period.spread(mean, into: center)
    for tile in worker.tiles(tiles) {
      let start = tile * tileRows * channels
      period.sums(min(tileRows, rows - tile * tileRows) * channels, into: plainSums, centeredSums) { index, place in
        let (dy, x) = term(start + index, place)
        return (dy, dy * (x - center.lanes(at: place)))
      } rest: { index, place in
        let (dy, x) = restTerm(start + index, place)
        return (dy, dy * (x - center[place]))
      }
      period.gather(plainSums, into: parts.plain(tile))
      period.gather(centeredSums, into: parts.centered(tile))
    }
    worker.barrier()
    parts.totals(own: own + 3 * period.width, worker, body)
  }
}
