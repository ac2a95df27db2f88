import Compute

/// The direct method for 16 to 64 channels: the image is padded into the worker's scratch, and a block of sums stays in
/// registers while the kernel walks the taps of a filter, with no matrix to build or to pack (after Georganas et
/// al., SC 2018, "Anatomy of high-performance deep learning convolutions on SIMD architectures").
///
/// A row of taps (u, c) is one stretch of kw · C floats both in the padded image and in the filters, so that every
/// kernel width and any number of input channels take the same loop.
extension ConvolutionGeometry {
  /// Floats in a row of the padded image.
  private var paddedPitch: Int { (width + 2 * paddingX) * channels }
  /// Bands of rows that an image is cut into: one, unless there are too few images for several workers.
  private var directBands: Int { max(1, min(outputHeight / 4, (8 + images - 1) / images)) }
  private var directBandRows: Int { (outputHeight + directBands - 1) / directBands }
  /// Floats of a padded band, and of a padded image.
  var paddedBandFloats: Int { ((directBandRows - 1) * strideY + kernelHeight) * paddedPitch }
  var paddedImageFloats: Int { (height + 2 * paddingY) * paddedPitch }

  /// y = b + the correlation of x with the filters, a band of rows of one image a tile.
  func correlateDirectly(
    _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: GradientTarget, packed: UnsafeMutablePointer<Float>, _ band: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    packFilters(weight, into: packed, worker)
    worker.barrier()
    let bandRows = directBandRows, bands = (outputHeight + bandRows - 1) / bandRows
    for tile in worker.tiles(images * bands) {
      let image = tile / bands, first = tile % bands * bandRows
      let rows = min(bandRows, outputHeight - first)
      pad(
        x + image * height * width * channels, top: first * strideY - paddingY,
        rows: (rows - 1) * strideY + kernelHeight, into: band)
      let pixels = rows * outputWidth, target = (image * outputHeight + first) * outputWidth
      for pixel in stride(from: 0, to: pixels, by: 8) {
        // Past the last pixel the kernel computes that one again, and nobody stores it.
        let places = EightPlaces { k in
          let (row, column) = min(pixel + k, pixels - 1).quotientAndRemainder(dividingBy: outputWidth)
          return band + row * strideY * paddedPitch + column * strideX * channels
        }
        let count = min(8, pixels - pixel), start = (target + pixel) * outputChannels
        var output = 0
        while output + 32 <= outputChannels {
          sumPair(places, packed + output, bias.map { $0 + output }, into: y, at: start + output, count)
          output += 32
        }
        if output < outputChannels {
          sumOne(places, packed + output, bias.map { $0 + output }, into: y, at: start + output, count)
        }
      }
    }
  }

  /// 32 outputs of eight pixels.
  @inline(__always)
  private func sumPair(
    _ places: EightPlaces, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: GradientTarget, at start: Int, _ count: Int
  ) {
    var low = EightLanes(repeating: bias?.lanes(at: 0) ?? Lanes(repeating: 0))
    var high = EightLanes(repeating: bias?.lanes(at: 16) ?? Lanes(repeating: 0))
    forEachTap(filters) { filter, offset in
      low.addProducts(filter.lanes(at: 0)) { places.broadcast($0, offset) }
      high.addProducts(filter.lanes(at: 16)) { places.broadcast($0, offset) }
    }
    low.visit { if $0 < count { y.put($1, at: start + $0 * outputChannels) } }
    high.visit { if $0 < count { y.put($1, at: start + $0 * outputChannels + 16) } }
  }

  /// 16 outputs of eight pixels.
  @inline(__always)
  private func sumOne(
    _ places: EightPlaces, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: GradientTarget, at start: Int, _ count: Int
  ) {
    var sums = EightLanes(repeating: bias?.lanes(at: 0) ?? Lanes(repeating: 0))
    forEachTap(filters) { filter, offset in
      sums.addProducts(filter.lanes(at: 0)) { places.broadcast($0, offset) }
    }
    sums.visit { if $0 < count { y.put($1, at: start + $0 * outputChannels) } }
  }

  /// Walks the taps (v, u, c) of packed filters: `body` gets the outputs' weights and the input's offset from a pixel's
  /// first.
  @inline(__always)
  private func forEachTap(
    _ filters: UnsafeMutablePointer<Float>, _ body: (_ filter: UnsafeMutablePointer<Float>, _ offset: Int) -> Void
  ) {
    let run = kernelWidth * channels, pitch = paddedPitch, outputs = outputChannels
    var filter = filters
    for v in 0..<kernelHeight {
      for offset in v * pitch..<v * pitch + run {
        body(filter, offset)
        filter += outputs
      }
    }
  }

  /// Filters with the outputs innermost, [v, u, c, o].
  private func packFilters(
    _ weight: UnsafeMutablePointer<Float>, into packed: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    for tap in worker.tiles(kernelHeight * kernelWidth) {
      for channel in 0..<channels {
        let source = weight + filters.origin + tap * filters.tap + channel * filters.channel
        let target = packed + (tap * channels + channel) * outputChannels
        for output in 0..<outputChannels { target[output] = source[output * filters.output] }
      }
    }
  }

  /// Copies image rows from `top` on, with zeros around the image.
  private func pad(
    _ image: UnsafeMutablePointer<Float>, top: Int, rows: Int, into band: UnsafeMutablePointer<Float>
  ) {
    let side = paddingX * channels, own = width * channels, pitch = paddedPitch
    for row in 0..<rows {
      let line = band + row * pitch, y = top + row
      guard y >= 0 && y < height else {
        line.update(repeating: 0, count: pitch)
        continue
      }
      line.update(repeating: 0, count: side)
      (line + side).update(from: image + y * own, count: own)
      (line + side + own).update(repeating: 0, count: side)
    }
  }

  /// Adds one chunk's part of the filter gradient (none where `x` is `nil`) and of the bias gradient to its sums.
  func addDirectProducts(
    _ chunk: Int, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
    to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ padded: UnsafeMutablePointer<Float>
  ) {
    let chunks = filterGradientChunks, run = kernelWidth * channels
    for image in chunk * images / chunks..<(chunk + 1) * images / chunks {
      let slopes = dy + image * outputPixelsPerImage * outputChannels
      if let biasSums { addRows(slopes, rows: outputPixelsPerImage, width: outputChannels, to: biasSums) }
      guard let x else { continue }
      pad(x + image * height * width * channels, top: -paddingY, rows: height + 2 * paddingY, into: padded)
      for v in 0..<kernelHeight {
        let line = padded + v * paddedPitch
        for output in stride(from: 0, to: outputChannels, by: 8) {
          let target = sums + output * filterLength + v * run
          var at = 0
          while at + 32 <= run {
            addPairProducts(line + at, slopes + output, to: target + at)
            at += 32
          }
          if at < run { addSingleProducts(line + at, slopes + output, to: target + at) }
        }
      }
    }
  }

  /// Eight outputs times 32 neighbouring taps, summed over the pixels of an image. (With 48 the sums spill.)
  @inline(__always)
  private func addPairProducts(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    let length = filterLength
    var low = EightLanes(repeating: Lanes(repeating: 0)), high = low
    forEachPixel(padded, slopes) { x, slope in
      low.addProducts(x.lanes(at: 0)) { Lanes(repeating: slope[$0]) }
      high.addProducts(x.lanes(at: 16)) { Lanes(repeating: slope[$0]) }
    }
    low.visit { sums.store(sums.lanes(at: $0 * length) + $1, at: $0 * length) }
    high.visit { sums.store(sums.lanes(at: $0 * length + 16) + $1, at: $0 * length + 16) }
  }

  /// Eight outputs times 16 neighbouring taps.
  @inline(__always)
  private func addSingleProducts(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    let length = filterLength
    var products = EightLanes(repeating: Lanes(repeating: 0))
    forEachPixel(padded, slopes) { x, slope in
      products.addProducts(x.lanes(at: 0)) { Lanes(repeating: slope[$0]) }
    }
    products.visit { sums.store(sums.lanes(at: $0 * length) + $1, at: $0 * length) }
  }

  /// Walks the output pixels of an image, and beside them the taps under each.
  @inline(__always)
  private func forEachPixel(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>,
    _ body: (_ x: UnsafeMutablePointer<Float>, _ slope: UnsafeMutablePointer<Float>) -> Void
  ) {
    let step = strideX * channels, rowStep = strideY * paddedPitch, outputs = outputChannels, columns = outputWidth
    var slope = slopes
    for row in 0..<outputHeight {
      var x = padded + row * rowStep
      for _ in 0..<columns {
        body(x, slope)
        x += step
        slope += outputs
      }
    }
  }
}
