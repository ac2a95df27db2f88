import Compute

/// A 1x1 convolution that reads every pixel once: matrix products on the activations as they lie, y = x · wᵀ,
/// dx = dy · w, dw = dyᵀ · x.
extension ConvolutionGeometry {
  /// The forward pass.
  func correlatePixels(
    _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: UnsafeMutablePointer<Float>, moments: MomentParts?, packed: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    packFilters(weight, for: .forward, into: packed, worker)
    let filters = panels(0, for: .forward, in: packed)
    let streams = streams(y, pixels: outputPixels, channels: outputChannels)
    for pixels in worker.ranges(outputPixels, by: pixelsPerTile) {
      let tile = y + pixels.lowerBound * outputChannels
      startRows(tile, rows: pixels.count, with: bias)
      panelProduct(
        m: pixels.count, MatrixOperand(x + pixels.lowerBound * channels, leading: channels), filters, into: tile,
        leading: outputChannels, accumulate: bias != nil, streams: streams,
        moments: moments?.part(of: pixels, by: pixelsPerTile))
    }
  }

  /// The working memory of `pointwiseGradients`: packed filters, then the sums of the parts of the batch.
  var pointwiseGradientScratch: Scratch {
    let sums = tilesFilters ? outputChannels : outputChannels * (channels + 1)
    return Scratch(
      shared: panelFloats(for: .dataGradient) + filterGradientChunks * sums,
      perWorker: filterProductFloats)
  }

  /// All three gradients; those without a target are left out.
  ///
  /// Filters small enough have sums for each part of the batch: there a tile of dy is read from memory once, for dx and
  /// dw. Large ones are cut into tiles themselves (`Conv2D+FilterTiles.swift`).
  func pointwiseGradients(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>,
    dx: GradientTarget?, dw: GradientTarget?, db: GradientTarget?, shared: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let sums = shared + panelFloats(for: .dataGradient), chunks = filterGradientChunks
    if dx != nil { packFilters(weight, for: .dataGradient, into: shared, worker) }
    guard dw != nil && !tilesFilters else {
      if let dx {
        for tile in worker.ranges(outputPixels, by: pixelsPerTile) { spread(tile, dy, into: dx, packed: shared) }
      }
      return tiledFilterGradient(dy, x, dw, db, biasSums: sums, scratch, worker)
    }
    let filters = outputChannels * channels, part = filters + outputChannels
    for chunk in worker.tiles(chunks) {
      let first = chunk * outputPixels / chunks, end = (chunk + 1) * outputPixels / chunks
      addPart(first..<end, dy, x, dx: dx, packed: shared, to: sums + chunk * part, scratch)
      if db != nil { sumRows(dy + first * outputChannels, rows: end - first, to: sums + chunk * part + filters) }
    }
    worker.barrier()
    if let dw { merge(sums, chunks, stride: part, count: filters, dw, worker) }
    if let db { merge(sums + filters, chunks, stride: part, count: outputChannels, db, worker) }
  }

  /// Pixels of a tile of the backward pass: 1 MiB for its dy, x and dx, so that the second product finds dy in the
  /// cache.
  var gradientTilePixels: Int { max(48, min(384, (1 << 18) / (outputChannels + 2 * channels))) }

  /// Visits the tiles of at most so many pixels that `pixels` are cut into.
  @inline(__always)
  func visitGradientTiles(_ pixels: Range<Int>, _ body: (_ index: Int, _ tile: Range<Int>) -> Void) {
    let tiles = max(1, (pixels.count + gradientTilePixels - 1) / gradientTilePixels)
    let rows = max(6, ((pixels.count + tiles - 1) / tiles + 5) / 6 * 6)
    var start = pixels.lowerBound, index = 0
    while start < pixels.upperBound {
      body(index, start..<min(start + rows, pixels.upperBound))
      start += rows
      index += 1
    }
  }

  /// dx of `pixels`, and their part of dw: tile by tile.
  private func addPart(
    _ pixels: Range<Int>, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, dx: GradientTarget?,
    packed: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    visitGradientTiles(pixels) { _, tile in
      if let dx { spread(tile, dy, into: dx, packed: packed) }
      addFilterProduct(
        tile, dy, x + tile.lowerBound * channels, to: sums, accumulate: tile.lowerBound > pixels.lowerBound, scratch)
    }
  }

  /// dyᵀ · x of a tile, whose x lies at `tileOfX`.
  func addFilterProduct(
    _ tile: Range<Int>, _ dy: UnsafeMutablePointer<Float>, _ tileOfX: UnsafeMutablePointer<Float>,
    to sums: UnsafeMutablePointer<Float>, accumulate: Bool, _ scratch: UnsafeMutablePointer<Float>
  ) {
    columnProduct(
      m: outputChannels, n: channels, k: tile.count, dy + tile.lowerBound * outputChannels, leadingA: outputChannels,
      tileOfX, leadingB: channels, into: sums, leading: channels, accumulate: accumulate, scratch: scratch)
  }

  /// dx = dy · w for a tile of pixels.
  private func spread(
    _ pixels: Range<Int>, _ dy: UnsafeMutablePointer<Float>, into dx: GradientTarget,
    packed: UnsafeMutablePointer<Float>
  ) {
    panelProduct(
      m: pixels.count, MatrixOperand(dy + pixels.lowerBound * outputChannels, leading: outputChannels),
      panels(0, for: .dataGradient, in: packed), into: dx.pointer + pixels.lowerBound * channels, leading: channels,
      accumulate: dx.accumulates, streams: streams(dx.pointer, pixels: outputPixels, channels: channels))
  }
}
