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

  /// Output rows of a band whose rows of the padded image, and `slopes` rows of output gradients for each, stay within
  /// 256 KiB; one band for an image where that fits, unless there are too few images for several workers.
  private func bandRows(slopes: Int) -> Int {
    let fitting = (Self.bandFloats - (kernelHeight - strideY) * paddedPitch)
      / (strideY * paddedPitch + slopes * outputWidth * outputChannels)
    let least = (outputHeight + max(fitting, 1) - 1) / max(fitting, 1)
    let bands = max(least, min(outputHeight / 4, (8 + images - 1) / images), 1)
    return (outputHeight + bands - 1) / bands
  }
  private static let bandFloats = (256 << 10) / 4
  /// Output rows of a band, for y and dx and for dw.
  private var directBandRows: Int { bandRows(slopes: 0) }
  private var directProductRows: Int { bandRows(slopes: 1) }
  /// Floats of a padded band of the two; what the last vectors read beyond it counts with the second.
  var paddedBandFloats: Int { ((directBandRows - 1) * strideY + kernelHeight) * paddedPitch }
  var paddedProductFloats: Int { ((directProductRows - 1) * strideY + kernelHeight) * paddedPitch + 16 }
  /// Whether bands hold so many rows that padding and filters are read seldom.
  var hasTallBands: Bool { directProductRows >= min(4, outputHeight) }

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
    let bandRows = directProductRows, bands = (outputHeight + bandRows - 1) / bandRows
    for tile in chunk * images * bands / chunks..<(chunk + 1) * images * bands / chunks {
      let image = tile / bands, first = tile % bands * bandRows
      let rows = min(bandRows, outputHeight - first)
      let slopes = dy + (image * outputHeight + first) * outputWidth * outputChannels
      if let biasSums { addRows(slopes, rows: rows * outputWidth, width: outputChannels, to: biasSums) }
      guard let x else { continue }
      pad(
        x + image * height * width * channels, top: first * strideY - paddingY,
        rows: (rows - 1) * strideY + kernelHeight, into: padded)
      for v in 0..<kernelHeight {
        let line = padded + v * paddedPitch, target = sums + v * run
        if run % 16 == 0 {
          for output in stride(from: 0, to: outputChannels, by: 8) {
            addVectorProducts(line, slopes + output, rows, to: target + output * filterLength)
          }
        } else {
          for output in stride(from: 0, to: outputChannels, by: 16) {
            addScalarProducts(line, slopes + output, rows, to: target + output * filterLength)
          }
        }
      }
    }
  }

  /// Eight outputs times a row of taps, 32 at a time, summed over the pixels of a band. (With 48 the sums spill.)
  private func addVectorProducts(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ rows: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let length = filterLength, run = kernelWidth * channels
    var at = 0
    while at + 32 <= run {
      var low = EightLanes(repeating: Lanes(repeating: 0)), high = low
      forEachPixel(padded + at, slopes, rows) { x, slope in
        low.addProducts(x.lanes(at: 0)) { Lanes(repeating: slope[$0]) }
        high.addProducts(x.lanes(at: 16)) { Lanes(repeating: slope[$0]) }
      }
      let target = sums + at
      low.visit { target.store(target.lanes(at: $0 * length) + $1, at: $0 * length) }
      high.visit { target.store(target.lanes(at: $0 * length + 16) + $1, at: $0 * length + 16) }
      at += 32
    }
    guard at < run else { return }
    var products = EightLanes(repeating: Lanes(repeating: 0))
    forEachPixel(padded + at, slopes, rows) { x, slope in
      products.addProducts(x.lanes(at: 0)) { Lanes(repeating: slope[$0]) }
    }
    let target = sums + at
    products.visit { target.store(target.lanes(at: $0 * length) + $1, at: $0 * length) }
  }

  /// Sixteen outputs times a row of taps that fills no vectors (21 in a stem of 7x7 taps on three channels): here the
  /// lanes are the outputs, and sixteen taps at a time are broadcast. Sums of taps past the row are dropped.
  private func addScalarProducts(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ rows: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let length = filterLength, run = kernelWidth * channels
    var at = 0
    while at + 8 < run {
      var near = EightLanes(repeating: Lanes(repeating: 0)), far = near
      forEachPixel(padded + at, slopes, rows) { x, slope in
        let lanes = slope.lanes(at: 0)
        near.addProducts(lanes) { Lanes(repeating: x[$0]) }
        far.addProducts(lanes) { Lanes(repeating: x[$0 + 8]) }
      }
      let target = sums + at, left = run - at
      near.visit { add($1, to: target + $0, every: length) }
      far.visit { if $0 + 8 < left { add($1, to: target + $0 + 8, every: length) } }
      at += 16
    }
    guard at < run else { return }
    var near = EightLanes(repeating: Lanes(repeating: 0))
    forEachPixel(padded + at, slopes, rows) { x, slope in
      near.addProducts(slope.lanes(at: 0)) { Lanes(repeating: x[$0]) }
    }
    let target = sums + at, left = run - at
    near.visit { if $0 < left { add($1, to: target + $0, every: length) } }
  }

  /// Adds lanes to floats `length` apart.
  private func add(_ lanes: Lanes, to target: UnsafeMutablePointer<Float>, every length: Int) {
    for lane in 0..<16 { target[lane * length] += lanes[lane] }
  }

  /// Walks the output pixels of a band, and beside them the taps under each.
  @inline(__always)
  private func forEachPixel(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ rows: Int,
    _ body: (_ x: UnsafeMutablePointer<Float>, _ slope: UnsafeMutablePointer<Float>) -> Void
  ) {
    let step = strideX * channels, rowStep = strideY * paddedPitch, outputs = outputChannels, columns = outputWidth
    var slope = slopes
    for row in 0..<rows {
      var x = padded + row * rowStep
      for _ in 0..<columns {
        body(x, slope)
        x += step
        slope += outputs
      }
    }
  }
}
