import Compute

/// The tiled image-to-columns method: patches of a tile of output pixels become the rows of a matrix that a matrix
/// product then multiplies with the filters (Chellapilla, Puri, Simard 2006), a tile at a time so that the columns stay
/// in cache.
extension ConvolutionGeometry {
  /// The patches under output `pixels` (numbered through the batch) as rows of `filterLength` floats: the activations
  /// themselves where they already lie so, else copied into `columns`.
  func patches(
    of x: UnsafeMutablePointer<Float>, _ pixels: Range<Int>, group: Int, into columns: UnsafeMutablePointer<Float>
  ) -> MatrixOperand {
    if isPointwise { return MatrixOperand(x + pixels.lowerBound * channels, leading: channels) }
    var row = columns
    for pixel in pixels {
      visitTaps(of: pixel) { y, left, image in
        copyRow(y, left, from: x + image * height * width * channels + group * groupChannels, to: row)
        row += kernelWidth * groupChannels
      }
    }
    return MatrixOperand(columns, leading: filterLength)
  }

  /// Calls `body` for each kernel row under an output pixel with the image row that it reads (possibly outside), the
  /// image column of its first tap, and the image's number.
  @inline(__always)
  private func visitTaps(of pixel: Int, _ body: (_ y: Int, _ left: Int, _ image: Int) -> Void) {
    let (image, within) = pixel.quotientAndRemainder(dividingBy: outputPixelsPerImage)
    let (row, column) = within.quotientAndRemainder(dividingBy: outputWidth)
    let top = row * strideY - paddingY, left = column * strideX - paddingX
    for tap in 0..<kernelHeight { body(top + tap * dilationY, left, image) }
  }

  @inline(__always)
  private func copyRow(_ y: Int, _ left: Int, from image: UnsafePointer<Float>, to row: UnsafeMutablePointer<Float>) {
    guard y >= 0 && y < height else {
      row.update(repeating: 0, count: kernelWidth * groupChannels)
      return
    }
    let line = image + y * width * channels
    if groups == 1 && dilationX == 1 && left >= 0 && left + kernelWidth <= width {
      row.update(from: line + left * channels, count: kernelWidth * channels)
      return
    }
    for tap in 0..<kernelWidth {
      let x = left + tap * dilationX
      if x >= 0 && x < width {
        (row + tap * groupChannels).update(from: line + x * channels, count: groupChannels)
      } else {
        (row + tap * groupChannels).update(repeating: 0, count: groupChannels)
      }
    }
  }

  /// Adds rows of patch gradients back to the image gradients under them: the transpose of `patches`.
  func scatter(
    _ columns: UnsafePointer<Float>, _ pixels: Range<Int>, group: Int, into dx: UnsafeMutablePointer<Float>
  ) {
    var row = columns
    for pixel in pixels {
      visitTaps(of: pixel) { y, left, image in
        if y >= 0 && y < height {
          let line = dx + (image * height + y) * width * channels + group * groupChannels
          for tap in 0..<kernelWidth {
            let x = left + tap * dilationX
            if x >= 0 && x < width { addFloats(row + tap * groupChannels, to: line + x * channels, count: groupChannels) }
          }
        }
        row += kernelWidth * groupChannels
      }
    }
  }

  /// Pixels of the data gradient's tile that are multiplied at a time.
  var stripPixels: Int { min(256, imagesPerTile * outputPixelsPerImage) }

  /// Whether filters are transposed before the forward pass, so that products can be computed in blocks.
  var transposesFilters: Bool { isPointwise && channels <= 512 && channels * outputChannels <= 512 * 256 }

  /// The forward pass.
  func correlateColumns(
    _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: UnsafeMutablePointer<Float>, transposed: UnsafeMutablePointer<Float>,
    _ columns: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let outputs = outputChannels, length = filterLength
    if transposesFilters {
      for range in worker.ranges(channels, by: 16) {
        for output in 0..<outputs {
          for channel in range { transposed[channel * outputs + output] = weight[output * length + channel] }
        }
      }
      worker.barrier()
    }
    for pixels in worker.ranges(outputPixels, by: pixelsPerTile) {
      let tile = y + pixels.lowerBound * outputs
      if let bias {
        for pixel in 0..<pixels.count { (tile + pixel * outputs).update(from: bias, count: outputs) }
      }
      if transposesFilters {
        blockedProduct(
          m: pixels.count, n: outputs, k: channels, x + pixels.lowerBound * channels, leadingA: channels, transposed,
          leadingB: outputs, into: tile, leading: outputs, accumulate: bias != nil)
        continue
      }
      for group in 0..<groups {
        let patches = patches(of: x, pixels, group: group, into: columns)
        matrixProduct(
          m: pixels.count, n: groupOutputs, k: length, patches,
          MatrixOperand(weight + group * groupOutputs * length, leading: length, transposed: true),
          into: tile + group * groupOutputs, leading: outputs, accumulate: bias != nil)
      }
    }
  }

  /// The data gradient. Tiles are whole images, because neighbouring patches overlap: two workers must not add to one
  /// pixel.
  func scatterColumns(
    _ dy: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ target: GradientTarget,
    _ columns: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let outputs = outputChannels, length = filterLength, dx = target.pointer
    if isPointwise {
      for pixels in worker.ranges(outputPixels, by: pixelsPerTile) {
        blockedProduct(
          m: pixels.count, n: channels, k: outputs, dy + pixels.lowerBound * outputs, leadingA: outputs, weight,
          leadingB: length, into: dx + pixels.lowerBound * channels, leading: channels, accumulate: target.accumulates)
      }
      return
    }
    let imageCount = height * width * channels
    for images in worker.ranges(images, by: imagesPerTile) {
      if !target.accumulates {
        (dx + images.lowerBound * imageCount).update(repeating: 0, count: images.count * imageCount)
      }
      let end = images.upperBound * outputPixelsPerImage
      var start = images.lowerBound * outputPixelsPerImage
      while start < end {
        let pixels = start..<min(start + stripPixels, end)
        for group in 0..<groups {
          matrixProduct(
            m: pixels.count, n: length, k: groupOutputs,
            MatrixOperand(dy + pixels.lowerBound * outputs + group * groupOutputs, leading: outputs),
            MatrixOperand(weight + group * groupOutputs * length, leading: length), into: columns, leading: length)
          scatter(columns, pixels, group: group, into: dx)
        }
        start = pixels.upperBound
      }
    }
  }

  /// Adds one chunk's part of the filter gradient (none where `x` is `nil`) and of the bias gradient to its sums.
  func addColumnProducts(
    _ chunk: Int, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
    to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ columns: UnsafeMutablePointer<Float>
  ) {
    let outputs = outputChannels, length = filterLength
    let end = (chunk + 1) * outputPixels / filterGradientChunks
    var start = chunk * outputPixels / filterGradientChunks
    while start < end {
      let pixels = start..<min(start + pixelsPerTile, end)
      let gradient = dy + pixels.lowerBound * outputs
      if let x {
        for group in 0..<groups {
          let patches = patches(of: x, pixels, group: group, into: columns)
          matrixProduct(
            m: groupOutputs, n: length, k: pixels.count,
            MatrixOperand(gradient + group * groupOutputs, leading: outputs, transposed: true), patches,
            into: sums + group * groupOutputs * length, leading: length, accumulate: true)
        }
      }
      if let biasSums { addRows(gradient, rows: pixels.count, width: outputs, to: biasSums) }
      start = pixels.upperBound
    }
  }
}
