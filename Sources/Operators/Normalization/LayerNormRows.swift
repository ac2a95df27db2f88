import Compute

/// The rows that a layer normalisation treats alike: each read from memory once and then taken from the first-level
/// cache.
struct LayerNormRows {
  let channels: Int
  let count: Int
  private let row: LaneRow

  init(_ shape: Shape) {
    channels = shape.channels
    count = shape.count / channels
    row = LaneRow(channels)
  }

  /// About 64 KiB, yet so many rows that the sums of a tile stay small beside it, and so few that they stay exact.
  var tileRows: Int { min(max(32, 16_384 / channels), 512) }

  private var tiles: Int { (count + tileRows - 1) / tileRows }

  /// The floats of the sums that tiles leave for dweight and dbias.
  var partialCount: Int { 2 * tiles * channels }

  /// The mean of a row and 1 / sqrt(variance + epsilon).
  @inline(__always)
  func statistics(of x: UnsafePointer<Float>, _ epsilon: Float) -> (mean: Float, inverse: Float) {
    let mean = row.sum { at, count in x.lanes(at: at, first: count) } / Float(channels)
    let square = row.sum { at, count in
      let deviation = x.lanes(at: at, first: count, fill: mean) - mean
      return deviation * deviation
    }
    return (mean, 1 / (square / Float(channels) + epsilon).squareRoot())
  }

  /// y = weight (x - mean) inverse + bias.
  @inline(__always)
  func normalize(
    _ x: UnsafePointer<Float>, _ mean: Float, _ inverse: Float, _ weight: UnsafePointer<Float>,
    _ bias: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    row.visit { at, count in
      let scale = weight.lanes(at: at, first: count) * inverse
      let centred = x.lanes(at: at, first: count) - mean
      y.store(bias.lanes(at: at, first: count).addingProduct(centred, scale), at: at, first: count)
    }
  }

  /// With x̂ = (x - mean) r and g = weight dy: dx = r (g - Σ g / C - x̂ Σ g x̂ / C), the sums over the row, handed to
  /// `put` sixteen at a time; dweight = Σ dy x̂, dbias = Σ dy, the sums over all rows.
  @inline(__always)
  func differentiate(
    x: UnsafePointer<Float>, means: UnsafePointer<Float>, inverses: UnsafePointer<Float>, weight: UnsafePointer<Float>,
    dy: UnsafePointer<Float>, dweight: GradientTarget?, dbias: GradientTarget?, partials: UnsafeMutablePointer<Float>,
    wantsInput: Bool, _ worker: Worker, put: (_ at: Int, _ count: Int, _ slope: Lanes) -> Void
  ) {
    let tiles = tiles
    let weightPartials = partials, biasPartials = partials + tiles * channels
    for tile in worker.tiles(tiles) {
      let weightSums = weightPartials + tile * channels, biasSums = biasPartials + tile * channels
      weightSums.update(repeating: 0, count: channels)
      biasSums.update(repeating: 0, count: channels)
      for index in tile * tileRows..<min((tile + 1) * tileRows, count) {
        let start = index * channels, x = x + start, dy = dy + start
        let mean = means[index], inverse = inverses[index]
        var plain = Lanes(repeating: 0), product = plain
        row.visit { at, count in
          let slope = dy.lanes(at: at, first: count), normal = (x.lanes(at: at, first: count) - mean) * inverse
          weightSums.store(weightSums.lanes(at: at, first: count).addingProduct(slope, normal), at: at, first: count)
          biasSums.store(biasSums.lanes(at: at, first: count) + slope, at: at, first: count)
          let weighted = weight.lanes(at: at, first: count) * slope
          plain += weighted
          product = product.addingProduct(weighted, normal)
        }
        if !wantsInput { continue }
        // dx = r g + (x - mean) a + b with a = -r² Σ g x̂ / C and b = -r Σ g / C.
        let slant = -inverse * inverse * (product.total / Float(channels))
        let level = -inverse * (plain.total / Float(channels))
        row.visit { at, count in
          let weighted = weight.lanes(at: at, first: count) * dy.lanes(at: at, first: count)
          let centred = x.lanes(at: at, first: count) - mean
          let tilted = Lanes(repeating: level).addingProduct(centred, Lanes(repeating: slant))
          put(start + at, count, tilted.addingProduct(weighted, Lanes(repeating: inverse)))
        }
      }
    }
    if dweight == nil && dbias == nil { return }
    worker.barrier()
    if let dweight { merge(weightPartials, tiles, stride: channels, count: channels, dweight, worker) }
    if let dbias { merge(biasPartials, tiles, stride: channels, count: channels, dbias, worker) }
  }
}
