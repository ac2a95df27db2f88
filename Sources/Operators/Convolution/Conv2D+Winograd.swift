import Compute

/// Winograd's method for 3x3 filters with stride 1: tiles of 6x6 inputs and the filters are transformed, multiplied
/// point by point, which sums over channels and so is one matrix product for each of the 36 points, and transformed
/// back to 4x4 outputs. A quarter of the multiplications of the definition, where tiles fit the image; `WinogradTiles` says
/// what is done where they do not.
///
/// A chunk of tiles goes through all three stages while it lies in the cache of its worker. Filters larger than a cache
/// would be read anew for every chunk: there a group of tiles is transformed by all workers, which then share the
/// points, so that a group reads the filters once.
extension ConvolutionGeometry {
  private var points: Int { WinogradTransform.points }
  var tiling: WinogradTiles { WinogradTiles(images: images, height: outputHeight, width: outputWidth) }
  /// Tiles of the batch.
  var winogradTiles: Int { tiling.count }

  /// Tiles a chunk, in sixes as products take them: both transformed forms within 1.5 MiB, as long as products have 48
  /// rows.
  var winogradChunkTiles: Int {
    let fitting = (3 << 19) / (4 * points * (channels + outputChannels))
    let wanted = max(48, min(128, fitting))
    let chunks = (winogradTiles + wanted - 1) / wanted
    let even = chunks < 32 ? (chunks + 3) / 4 * 4 : chunks
    return max(18, (winogradTiles + even - 1) / even + 5) / 6 * 6
  }

  /// Whether all workers share a group of tiles, and the tiles that are transformed before they are multiplied.
  private var sharesTiles: Bool { channels * outputChannels >= 256 * 256 }
  private var sharedTiles: Int { sharesTiles ? EvenTiles.size(winogradTiles, most: 128) : winogradChunkTiles }

  /// Floats from one point's matrix to the next: a cache line more than the matrix, since 36 places a power of two
  /// apart would share a few lines of the cache.
  static func planeStride(_ floats: Int) -> Int { Lanes.padded(floats) + 16 }
  private var inputStride: Int { Self.planeStride(sharedTiles * channels) }
  private var outputStride: Int { Self.planeStride(sharedTiles * outputChannels) }
  private var filterStride: Int { Self.planeStride(ColumnPanels.floats(rows: channels, columns: outputChannels)) }

  /// A worker's own: a tile between its two transforms, and filters side by side.
  private var ownFloats: Int { points * 16 + 9 * 256 }

  /// Working memory: the transformed filters, and tiles of transformed inputs and outputs.
  var winogradScratch: Scratch {
    let filters = points * filterStride, tiles = points * (inputStride + outputStride), middle = ownFloats
    return sharesTiles
      ? Scratch(shared: filters + tiles, perWorker: middle) : Scratch(shared: filters, perWorker: middle + tiles)
  }

  /// y = b + the correlation of what `read` makes of x with the filters; or with its moments, then without b.
  @inline(__always)
  func correlateWinograd(
    _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader, _ weight: UnsafeMutablePointer<Float>,
    _ bias: UnsafeMutablePointer<Float>?, into y: StreamedOutput, moments: MomentParts?,
    transformed: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    if let moments {
      let output = MeasuredOutput(y: y, parts: moments)
      correlateWinograd(x, read, weight, into: output, transformed: transformed, scratch, worker)
    } else {
      correlateWinograd(x, read, weight, into: BiasedOutput(y, bias), transformed: transformed, scratch, worker)
    }
  }

  /// The stretches of tiles that `correlateWinograd` writes, each by one worker.
  var winogradStretches: Int {
    let groups = (winogradTiles + sharedTiles - 1) / sharedTiles
    return sharesTiles ? groups * stretchesPerGroup : groups
  }
  private var stretchesPerGroup: Int { (sharedTiles + 7) / 8 }

  /// The correlation of what `read` makes of x with the filters, handed to `output`.
  @inline(__always)
  func correlateWinograd(
    _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader, _ weight: UnsafeMutablePointer<Float>,
    into output: some WinogradOutput, transformed: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    transformFilters(weight, into: transformed, scratch, worker)
    let group = sharedTiles, tiling = tiling
    let inputs = sharesTiles ? transformed + points * filterStride : scratch + ownFloats
    let outputs = inputs + points * inputStride
    guard sharesTiles else {
      worker.barrier()
      for tiles in worker.ranges(winogradTiles, by: group) {
        transformInputs(x, read, tiling, tiles, into: inputs, stride: inputStride, scratch)
        for point in 0..<points { multiply(point, tiling, tiles, inputs, transformed, into: outputs) }
        transformOutputs(outputs, tiling, tiles, into: output, stretch: tiles.lowerBound / group, scratch)
      }
      return
    }
    for start in stride(from: 0, to: winogradTiles, by: group) {
      let count = min(group, winogradTiles - start), tiles = start..<start + count
      for range in worker.ranges(count, by: 8) {
        transformInputs(
          x, read, tiling, start + range.lowerBound..<start + range.upperBound,
          into: inputs + range.lowerBound * channels, stride: inputStride, scratch)
      }
      worker.barrier()
      for point in worker.tiles(points) { multiply(point, tiling, tiles, inputs, transformed, into: outputs) }
      worker.barrier()
      for range in worker.ranges(count, by: 8) {
        transformOutputs(
          outputs + range.lowerBound * outputChannels, tiling, start + range.lowerBound..<start + range.upperBound,
          into: output, stretch: start / group * stretchesPerGroup + range.lowerBound / 8, scratch)
      }
      // The last group may be smaller.
      for stretch in worker.tiles(stretchesPerGroup - (count + 7) / 8) {
        transformOutputs(
          outputs, tiling, start..<start, into: output,
          stretch: start / group * stretchesPerGroup + (count + 7) / 8 + stretch, scratch)
      }
    }
  }

  /// One point's product, `[tiles, C] · [C, O]`, for those of the tiles that take it.
  private func multiply(
    _ point: Int, _ tiling: WinogradTiles, _ tiles: Range<Int>, _ inputs: UnsafeMutablePointer<Float>,
    _ transformed: UnsafeMutablePointer<Float>, into outputs: UnsafeMutablePointer<Float>
  ) {
    let taking = tiling.taking(point).clamped(to: tiles), first = taking.lowerBound - tiles.lowerBound
    guard !taking.isEmpty else { return }
    let isLarge = points * filterStride > ColumnPanels.residentFloats && point + 1 < points
    panelProduct(
      m: taking.count, MatrixOperand(inputs + point * inputStride + first * channels, leading: channels),
      panels(point, transformed), into: outputs + point * outputStride + first * outputChannels,
      leading: outputChannels,
      following: isLarge ? transformed + (point + 1) * filterStride : nil)
  }

  /// One point of all transformed filters, `[C, O]`.
  private func panels(_ point: Int, _ transformed: UnsafeMutablePointer<Float>) -> ColumnPanels {
    ColumnPanels(transformed + point * filterStride, rows: channels, columns: outputChannels)
  }

  /// G g Gᵀ of all filters: 36 matrices `[C, O]`.
  private func transformFilters(
    _ weight: UnsafeMutablePointer<Float>, into transformed: UnsafeMutablePointer<Float>,
    _ middle: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let stride = filterStride, filters = filters, outputs = outputChannels, first = panels(0, transformed)
    // By sixteen channels of sixteen outputs. Where a channel's outputs lie apart, these are first laid out side by side,
    // number by number: to put a vector together lane by lane costs several times as much.
    let blocks = (outputs + 15) / 16, isApart = filters.output != 1, sides = middle + points * 16
    // The last cache does not hold filters of 512 channels until they are read: 5 to 8 % of the whole at 7x7.
    let streams = 4 * points * stride > 16 << 20
    for tile in worker.tiles((channels + 15) / 16 * blocks) {
      let output = tile % blocks * 16, count = min(16, outputs - output)
      let channel = tile / blocks * 16, width = min(16, channels - channel)
      let source = weight + filters.origin + channel * filters.channel + output * filters.output
      if isApart {
        for k in 0..<count {
          for tap in 0..<9 {
            let from = source + k * filters.output + tap * filters.tap, to = sides + tap * 256 + k
            for row in 0..<width { to[row * 16] = from[row * filters.channel] }
          }
        }
      }
      for row in 0..<width {
        let target = first.vector(row: channel + row, column: output), taps = source + row * filters.channel
        WinogradTransform.filterTile(
          middle,
          load: {
            isApart ? sides.lanes(at: $0 * 256 + row * 16) : (taps + $0 * filters.tap).lanes(at: 0, first: count)
          },
          store: { point, value in
            if streams { target.stream(value, at: point * stride) } else { target.store(value, at: point * stride) }
          })
      }
    }
  }

  /// Bᵀ d B of the tiles' inputs: 36 matrices `[tiles, C]`.
  @inline(__always)
  func transformInputs(
    _ x: UnsafeMutablePointer<Float>, _ read: some ActivationReader, _ tiling: WinogradTiles, _ tiles: Range<Int>,
    into planes: UnsafeMutablePointer<Float>, stride: Int, _ middle: UnsafeMutablePointer<Float>
  ) {
    var target = planes
    for index in tiles {
      let tile = tiling[index]
      let top = tile.row - paddingY, left = tile.column - paddingX
      let corner = x + ((tile.image * height + top) * width + left) * channels
      let isInside = top >= 0 && left >= 0 && top + tile.height + 2 <= height && left + tile.width + 2 <= width
      // What the next tile reads and those above and before it have not.
      let next = tiling[index + 1]
      let ahead = (next.image * height + next.row - paddingY + 2) * width + next.column - paddingX + 2
      inLanes(0..<channels) { channel, count in
        let source = corner + channel, place = target + channel
        forEachPlace(of: ahead, width) { x.prefetch(at: $0 * channels + channel) }
        if isInside {
          WinogradTransform.inputTile(
            tile, middle, load: { read(source.lanes(at: ($0 * width + $1) * channels, first: count), channel, count) },
            store: { place.store($1, at: $0 * stride, first: count) })
        } else {
          WinogradTransform.inputTile(
            tile, middle,
            load: { row, column in
              top + row >= 0 && top + row < height && left + column >= 0 && left + column < width
                ? read(source.lanes(at: (row * width + column) * channels, first: count), channel, count)
                : Lanes(repeating: 0)
            },
            store: { place.store($1, at: $0 * stride, first: count) })
        }
      }
      target += channels
    }
  }

  /// Aᵀ m A of 36 matrices `[tiles, O]`.
  @inline(__always)
  private func transformOutputs(
    _ planes: UnsafeMutablePointer<Float>, _ tiling: WinogradTiles, _ tiles: Range<Int>,
    into output: some WinogradOutput, stretch: Int, _ middle: UnsafeMutablePointer<Float>
  ) {
    let stride = outputStride
    var source = planes, seen = 0
    output.begin(stretch)
    for index in tiles {
      let tile = tiling[index], corner = firstOutput(of: tile) * outputChannels
      let rows = min(tile.height, outputHeight - tile.row), columns = min(tile.width, outputWidth - tile.column)
      let values = rows * columns, ahead = firstOutput(of: tiling[index + 1])
      inLanes(0..<outputChannels) { channel, count in
        let place = source + channel
        var sums = output.none
        forEachPlace(of: ahead, outputWidth) { output.prefetch(at: $0 * outputChannels + channel) }
        prefetchPoints(place, stride)
        WinogradTransform.outputTile(
          tile, middle, load: { place.lanes(at: $0 * stride, first: count) }
        ) { i, j, value in
          if i < rows && j < columns {
            output.put(
              value, at: corner + (i * outputWidth + j) * outputChannels + channel, channel: channel, count, &sums)
          }
        }
        output.add(sums, channel: channel, stretch, values: values, after: seen)
      }
      source += outputChannels
      seen += values
    }
    output.end(stretch, values: seen)
  }

  /// Asks for what comes soon in the matrices of all points: more walks at a time than the processor foresees.
  @inline(__always)
  func prefetchPoints(_ place: UnsafeMutablePointer<Float>, _ stride: Int) {
    for point in 0..<points { place.prefetch(at: point * stride + 32) }
  }

  /// The pixel of a tile's first output.
  @inline(__always)
  func firstOutput(of tile: WinogradTile) -> Int {
    (tile.image * outputHeight + tile.row) * outputWidth + tile.column
  }

  /// The sixteen pixels of a tile of outputs that begins at `first`, in rows of `width`: for kernels that ask for the
  /// next tile, whose lines lie a row of channels apart and are not foreseen.
  @inline(__always)
  func forEachPlace(of first: Int, _ width: Int, _ body: (_ pixel: Int) -> Void) {
    for row in 0..<4 {
      for column in 0..<4 { body(first + row * width + column) }
    }
  }
}
