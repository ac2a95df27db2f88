import Compute

/// The gradient of large filters: a worker sums a tile of dw over all pixels, so that there are no parts of the batch
/// to keep and to merge, which for 2048 x 512 filters would move more bytes than the activations have.
///
/// A tile belongs to one tap. The pixels under that tap are read as they lie where the convolution is pointwise, else
/// gathered into columns, each tap's once for every row of tiles.
extension ConvolutionGeometry {
  /// Whether parts of the batch, eight as a rule, would take more than 4 MiB.
  var tilesFilters: Bool { groups == 1 && outputChannels * filterLength > 1 << 17 }

  private var filterTileRows: Int { EvenTiles.size(outputChannels, most: 258, step: 6) }
  private var filterTileColumns: Int { EvenTiles.size(channels, most: 256, step: 16) }

  /// Floats a worker needs besides the product's own.
  private var tapColumnFloats: Int { isPointwise ? 0 : pixelsPerTile * filterTileColumns }

  /// Working memory of a worker.
  var filterTileScratch: Int { tileProductFloats + tapColumnFloats }
  /// Room for the product's panel too: a last tile can be narrow where the others need none.
  private var tileProductFloats: Int {
    ColumnProduct.scratchFloats(
      m: filterTileRows, leadingA: outputChannels, n: filterTileColumns, leadingB: max(channels, ColumnPanels.width + 1))
  }

  /// dw by tiles, and db, whose parts need `biasSums`; those without a target are left out.
  func tiledFilterGradient(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ dw: GradientTarget?, _ db: GradientTarget?,
    biasSums: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    if let dw { addFilterTiles(dy, x, to: dw, scratch, worker) }
    guard let db else { return }
    addBiasRows(dy, to: biasSums, worker)
    worker.barrier()
    merge(biasSums, filterGradientChunks, stride: outputChannels, count: outputChannels, db, worker)
  }

  /// dw = Σ over pixels of dyᵀ · patch, without a barrier after it.
  private func addFilterTiles(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, to dw: GradientTarget,
    _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let rows = filterTileRows, columns = filterTileColumns, taps = kernelHeight * kernelWidth
    let across = (channels + columns - 1) / columns, down = (outputChannels + rows - 1) / rows
    let step = isPointwise ? outputPixels : pixelsPerTile
    let gathered = scratch + tileProductFloats
    for index in worker.tiles(down * taps * across) {
      let (row, place) = index.quotientAndRemainder(dividingBy: taps * across)
      let (tap, column) = place.quotientAndRemainder(dividingBy: across)
      let outputs = row * rows..<min((row + 1) * rows, outputChannels)
      let inputs = column * columns..<min((column + 1) * columns, channels)
      for start in stride(from: 0, to: outputPixels, by: step) {
        let pixels = start..<min(start + step, outputPixels)
        if !isPointwise { gather(pixels, under: tap, inputs, of: x, into: gathered) }
        columnProduct(
          m: outputs.count, n: inputs.count, k: pixels.count, dy + start * outputChannels + outputs.lowerBound,
          leadingA: outputChannels, isPointwise ? x + inputs.lowerBound : gathered,
          leadingB: isPointwise ? channels : inputs.count,
          into: dw.pointer + outputs.lowerBound * filterLength + tap * channels + inputs.lowerBound,
          leading: filterLength, accumulate: dw.accumulates || start > 0, scratch: scratch)
      }
    }
  }

  /// The channels `inputs` of the pixels that a tap reads, one row for each output pixel, zeros outside the image.
  private func gather(
    _ pixels: Range<Int>, under tap: Int, _ inputs: Range<Int>, of x: UnsafeMutablePointer<Float>,
    into columns: UnsafeMutablePointer<Float>
  ) {
    let (v, u) = tap.quotientAndRemainder(dividingBy: kernelWidth)
    var image = pixels.lowerBound / outputPixelsPerImage
    var row = pixels.lowerBound / outputWidth % outputHeight, column = pixels.lowerBound % outputWidth
    for line in 0..<pixels.count {
      let y = row * strideY - paddingY + v * dilationY, left = column * strideX - paddingX + u * dilationX
      let target = columns + line * inputs.count
      if y >= 0 && y < height && left >= 0 && left < width {
        target.update(
          from: x + ((image * height + y) * width + left) * channels + inputs.lowerBound, count: inputs.count)
      } else {
        target.update(repeating: 0, count: inputs.count)
      }
      column += 1
      if column == outputWidth { (row, column) = (row + 1, 0) }
      if row == outputHeight { (image, row) = (image + 1, 0) }
    }
  }
}
