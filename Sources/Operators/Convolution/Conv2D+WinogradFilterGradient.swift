import Compute

/// The filter gradient by Winograd's method: tiles of 6x6 inputs and of 4x4 output gradients are transformed,
/// multiplied and summed over tiles, one matrix product for each of the 36 points, and the sums transformed back to 3x3
/// taps.
///
/// Parts of the batch keep sums of their own, which are added in order, where these are small beside the caches. Larger
/// filters have one set of sums: there a group of tiles is transformed by all workers, which then share the points. (With
/// parts of their own, the sums of 256 channels, 9 MiB each, went to memory and back: half of the time.)
extension ConvolutionGeometry {
  private var points: Int { WinogradTransform.points }
  private var sumStride: Int { Self.planeStride(channels * outputChannels) }
  /// Parts of the batch with sums of their own: 4 or 8, or 1.
  private var winogradParts: Int {
    let most = min((4 << 20) / (points * sumStride * 4), winogradTiles / 16)
    return most >= 8 ? 8 : most >= 4 ? 4 : 1
  }
  /// Tiles that are transformed before they are multiplied: in a group both forms within 40 MiB, so that a point's sums
  /// stay in the cache for as many tiles.
  private var batchTiles: Int {
    guard winogradParts == 1 else { return winogradChunkTiles }
    return EvenTiles.size(winogradTiles, most: max(128, (40 << 20) / (4 * points * (channels + outputChannels))))
  }
  /// Floats of the transformed inputs and output gradients.
  private var batchFloats: Int {
    points * (Self.planeStride(batchTiles * channels) + Self.planeStride(batchTiles * outputChannels))
  }

  /// Working memory of one point's product.
  private var pointProductFloats: Int {
    ColumnProduct.scratchFloats(m: outputChannels, leadingA: outputChannels, n: channels, leadingB: channels)
  }

  /// Working memory: the sums, those of the bias gradient, and where they are shared the transformed tiles.
  var winogradFilterScratch: Scratch {
    let sums = winogradParts * points * sumStride + filterGradientChunks * outputChannels
    let own = points * 16 + pointProductFloats
    return winogradParts == 1
      ? Scratch(shared: sums + batchFloats, perWorker: own) : Scratch(shared: sums, perWorker: own + batchFloats)
  }

  /// dw = Gᵀ [Σ over tiles of (A dy Aᵀ) ⊙ (Bᵀ x B)] G, and db = Σ dy, with what `read` makes of x.
  @inline(__always)
  func winogradFilterGradient(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader,
    _ dw: GradientTarget?, _ db: GradientTarget?,
    sums: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let biasSums = sums + winogradParts * points * sumStride
    if dw != nil {
      if winogradParts == 1 {
        let tiles = biasSums + filterGradientChunks * outputChannels
        addGroups(dy, x, read, to: sums, transformed: tiles, scratch, worker)
      } else {
        addParts(dy, x, read, to: sums, scratch, worker)
      }
    }
    if db != nil { addBiasRows(dy, to: biasSums, worker) }
    worker.barrier()
    if let dw { transformSums(sums, into: dw, scratch, worker) }
    if let db { merge(biasSums, filterGradientChunks, stride: outputChannels, count: outputChannels, db, worker) }
  }

  /// Each part of the batch to sums of its own.
  @inline(__always)
  private func addParts(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader,
    to sums: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let parts = winogradParts, group = batchTiles
    let transformed = scratch + points * 16 + pointProductFloats
    for part in worker.tiles(parts) {
      let first = part * winogradTiles / parts, end = (part + 1) * winogradTiles / parts
      var start = first
      while start < end {
        let tiles = start..<min(start + group, end)
        transformPair(dy, x, read, tiles, into: transformed, at: 0, scratch)
        for point in 0..<points {
          addProduct(transformed, point, tiles, of: first..<end, to: sums + part * points * sumStride, scratch)
        }
        start = tiles.upperBound
      }
    }
  }

  /// All tiles to one set of sums, group by group.
  @inline(__always)
  private func addGroups(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader,
    to sums: UnsafeMutablePointer<Float>,
    transformed: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    for start in stride(from: 0, to: winogradTiles, by: batchTiles) {
      let count = min(batchTiles, winogradTiles - start)
      if start > 0 { worker.barrier() }
      for range in worker.ranges(count, by: 8) {
        transformPair(
          dy, x, read, start + range.lowerBound..<start + range.upperBound, into: transformed, at: range.lowerBound,
          scratch)
      }
      worker.barrier()
      for point in worker.tiles(points) {
        addProduct(transformed, point, start..<start + count, of: 0..<winogradTiles, to: sums, scratch)
      }
    }
  }

  /// One point's product of transformed output gradients and inputs, `[O, tiles] · [tiles, C]`, for those of the tiles
  /// that take it: to what the part's tiles before them have summed.
  private func addProduct(
    _ transformed: UnsafeMutablePointer<Float>, _ point: Int, _ tiles: Range<Int>, of part: Range<Int>,
    to sums: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let inputStride = Self.planeStride(batchTiles * channels)
    let slopeStride = Self.planeStride(batchTiles * outputChannels)
    let inPart = tiling.taking(point).clamped(to: part), taking = inPart.clamped(to: tiles)
    let sums = sums + point * sumStride, first = taking.lowerBound - tiles.lowerBound
    guard !taking.isEmpty else {
      if inPart.isEmpty { sums.update(repeating: 0, count: outputChannels * channels) }
      return
    }
    columnProduct(
      m: outputChannels, n: channels, k: taking.count,
      transformed + points * inputStride + point * slopeStride + first * outputChannels, leadingA: outputChannels,
      transformed + point * inputStride + first * channels, leadingB: channels, into: sums, leading: channels,
      accumulate: taking.lowerBound > inPart.lowerBound, scratch: scratch + points * 16)
  }

  /// Bᵀ x B and A dy Aᵀ of `tiles`, from row `place` of a group on.
  @inline(__always)
  private func transformPair(
    _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader,
    _ tiles: Range<Int>,
    into transformed: UnsafeMutablePointer<Float>, at place: Int, _ middle: UnsafeMutablePointer<Float>
  ) {
    let inputStride = Self.planeStride(batchTiles * channels)
    let slopeStride = Self.planeStride(batchTiles * outputChannels)
    transformInputs(x, read, tiling, tiles, into: transformed + place * channels, stride: inputStride, middle)
    transformOutputGradients(
      dy, tiles, into: transformed + points * inputStride + place * outputChannels, stride: slopeStride, middle)
  }

  /// A dy Aᵀ of the tiles' output gradients: 36 matrices `[tiles, O]`.
  private func transformOutputGradients(
    _ dy: UnsafeMutablePointer<Float>, _ tiles: Range<Int>, into planes: UnsafeMutablePointer<Float>, stride: Int,
    _ middle: UnsafeMutablePointer<Float>
  ) {
    let tiling = tiling
    var target = planes
    for index in tiles {
      let tile = tiling[index], ahead = firstOutput(of: tiling[index + 1])
      let corner = dy + firstOutput(of: tile) * outputChannels
      let rows = outputHeight - tile.row, columns = outputWidth - tile.column
      inLanes(0..<outputChannels) { channel, count in
        let source = corner + channel, place = target + channel
        forEachPlace(of: ahead, outputWidth) { dy.prefetch(at: $0 * outputChannels + channel) }
        WinogradTransform.outputGradientTile(
          tile, middle,
          load: { i, j in
            i < rows && j < columns
              ? source.lanes(at: (i * outputWidth + j) * outputChannels, first: count) : Lanes(repeating: 0)
          },
          store: { place.store($1, at: $0 * stride, first: count) })
      }
      target += outputChannels
    }
  }

  /// Gᵀ m G of the sums, all parts added in order.
  private func transformSums(
    _ sums: UnsafeMutablePointer<Float>, into dw: GradientTarget, _ middle: UnsafeMutablePointer<Float>,
    _ worker: Worker
  ) {
    let parts = winogradParts, stride = sumStride, partStride = points * sumStride
    for outputs in worker.ranges(outputChannels, by: 4) {
      for output in outputs {
        inLanes(0..<channels) { channel, count in
          let source = sums + output * channels + channel, target = output * filterLength + channel
          prefetchPoints(source, stride)
          WinogradTransform.filterGradientTile(
            middle,
            load: { point in
              var total = source.lanes(at: point * stride, first: count)
              for part in 1..<max(parts, 1) {
                total += source.lanes(at: part * partStride + point * stride, first: count)
              }
              return total
            },
            store: { dw.put($1, at: target + $0 * channels, first: count) })
        }
      }
    }
  }
}
