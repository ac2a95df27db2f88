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
    let filters = ColumnPanels(packed, rows: filterLength, columns: outputChannels)
    packFilters(weight, into: filters, worker)
    worker.barrier()
    let bandRows = directBandRows, bands = (outputHeight + bandRows - 1) / bandRows
    for tile in worker.tiles(images * bands) {
      let image = tile / bands, first = tile % bands * bandRows
      let rows = min(bandRows, outputHeight - first)
      pad(
        x + image * height * width * channels, top: first * strideY - paddingY,
        rows: (rows - 1) * strideY + kernelHeight, into: band)
      let pixels = rows * outputWidth, target = (image * outputHeight + first) * outputWidth
      for pixel in stride(from: 0, to: pixels, by: RunProduct.rows) {
        // Past the last pixel the kernel computes that one again, and nobody stores it.
        let places = RunProduct.Places { k in
          let (row, column) = min(pixel + k, pixels - 1).quotientAndRemainder(dividingBy: outputWidth)
          return row * strideY * paddedPitch + column * strideX * channels
        }
        let count = min(RunProduct.rows, pixels - pixel), start = y.pointer + (target + pixel) * outputChannels
        for output in stride(from: 0, to: outputChannels, by: ColumnPanels.width) {
          let vectors = vectors(from: output)
          let taps = RunProduct(
            runs: kernelHeight, steps: kernelWidth * channels, runDistance: paddedPitch, leading: outputChannels)
          taps.compute(
            count, vectors: vectors, .rows(places), band, filters.vector(row: 0, column: output), into: start + output,
            accumulate: y.accumulates, bias: bias.map { UnsafePointer($0) + output })
        }
      }
    }
  }

  /// Vectors of the panel that begins with an output.
  private func vectors(from output: Int) -> Int { min(ColumnPanels.width, outputChannels - output) / 16 }

  /// Filters as rows of taps (v, u, c), one column for each output.
  private func packFilters(_ weight: UnsafeMutablePointer<Float>, into packed: ColumnPanels, _ worker: Worker) {
    for tap in worker.tiles(kernelHeight * kernelWidth) {
      for channel in 0..<channels {
        let source = weight + filters.origin + tap * filters.tap + channel * filters.channel
        for first in stride(from: 0, to: outputChannels, by: 16) {
          let target = packed.vector(row: tap * channels + channel, column: first)
          for lane in 0..<16 { target[lane] = source[(first + lane) * filters.output] }
        }
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

  /// Working memory of a worker for `sumDirectProducts`: a padded band, and the filter gradient with its outputs
  /// innermost.
  var directProductScratch: Int { paddedProductFloats + filterLength * outputChannels }

  /// One chunk's part of the filter gradient (none where `x` is `nil`), and of the bias gradient, into `sums` that are
  /// zero.
  func sumDirectProducts(
    _ chunk: Int, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
    into sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let chunks = filterGradientChunks, padded = scratch, products = scratch + paddedProductFloats
    let bandRows = directProductRows, bands = (outputHeight + bandRows - 1) / bandRows
    products.update(repeating: 0, count: filterLength * outputChannels)
    for tile in chunk * images * bands / chunks..<(chunk + 1) * images * bands / chunks {
      let image = tile / bands, first = tile % bands * bandRows
      let rows = min(bandRows, outputHeight - first)
      let slopes = dy + (image * outputHeight + first) * outputWidth * outputChannels
      if let biasSums { addRows(slopes, rows: rows * outputWidth, width: outputChannels, to: biasSums) }
      guard let x else { continue }
      pad(
        x + image * height * width * channels, top: first * strideY - paddingY,
        rows: (rows - 1) * strideY + kernelHeight, into: padded)
      addBand(padded, slopes, rows: rows, to: products)
    }
    for output in 0..<outputChannels {
      let target = sums + output * filterLength
      for tap in 0..<filterLength { target[tap] = products[tap * outputChannels + output] }
    }
  }

  /// Adds the products of a padded band with its slopes, six taps of a row at a time. Taps past the row are
  /// computed and dropped.
  private func addBand(
    _ padded: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, rows: Int,
    to products: UnsafeMutablePointer<Float>
  ) {
    let run = kernelWidth * channels
    let pixels = RunProduct(
      runs: rows, steps: outputWidth, runDistance: strideY * paddedPitch, leading: outputChannels)
    let factors = RunProduct.Factors.columns(stepDistance: strideX * channels, leadingB: outputChannels)
    for v in 0..<kernelHeight {
      for tap in stride(from: 0, to: run, by: RunProduct.rows) {
        for output in stride(from: 0, to: outputChannels, by: ColumnPanels.width) {
          pixels.compute(
            min(RunProduct.rows, run - tap), vectors: vectors(from: output), factors, padded + v * paddedPitch + tap,
            slopes + output, into: products + (v * run + tap) * outputChannels + output, accumulate: true)
        }
      }
    }
  }
}
