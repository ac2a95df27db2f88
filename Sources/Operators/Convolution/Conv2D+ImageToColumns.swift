import Compute

/// The tiled image-to-columns method: patches of a tile of output pixels become the rows of a matrix that a matrix
/// product then multiplies with the filters (Chellapilla, Puri, Simard 2006), a tile at a time so that the columns stay
/// in cache.
extension ConvolutionGeometry {
  /// Copies the patches under output `pixels` (numbered through the batch) into `columns`, rows of `filterLength`
  /// floats.
  func copyPatches(
    of x: UnsafeMutablePointer<Float>, _ pixels: Range<Int>, group: Int, into columns: UnsafeMutablePointer<Float>
  ) {
    var row = columns
    for pixel in pixels {
      visitTaps(of: pixel) { y, left, image in
        copyRow(y, left, from: x + image * height * width * channels + group * groupChannels, to: row)
        row += kernelWidth * groupChannels
      }
    }
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

  /// The forward pass.
  func correlateColumns(
    _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: UnsafeMutablePointer<Float>, moments: MomentParts?, packed: UnsafeMutablePointer<Float>,
    _ columns: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    packFilters(weight, for: .forward, into: packed, worker)
    let outputs = outputChannels, streams = streams(y, pixels: outputPixels, channels: groupOutputs)
    for pixels in worker.ranges(outputPixels, by: pixelsPerTile) {
      let tile = y + pixels.lowerBound * outputs
      startRows(tile, rows: pixels.count, with: bias)
      for group in 0..<groups {
        copyPatches(of: x, pixels, group: group, into: columns)
        panelProduct(
          m: pixels.count, MatrixOperand(columns, leading: filterLength), panels(group, for: .forward, in: packed),
          into: tile + group * groupOutputs, leading: outputs, accumulate: bias != nil, streams: streams,
          moments: moments?.part(of: pixels, by: pixelsPerTile))
      }
    }
  }

  /// The data gradient. Tiles are whole images, because neighbouring patches overlap: two workers must not add to one
  /// pixel.
  func scatterColumns(
    _ dy: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ target: GradientTarget,
    packed: UnsafeMutablePointer<Float>, _ columns: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    packFilters(weight, for: .dataGradient, into: packed, worker)
    let outputs = outputChannels, length = filterLength, dx = target.pointer
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
          panelProduct(
            m: pixels.count,
            MatrixOperand(dy + pixels.lowerBound * outputs + group * groupOutputs, leading: outputs),
            panels(group, for: .dataGradient, in: packed), into: columns, leading: length)
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
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let outputs = outputChannels, length = filterLength
    let first = chunk * outputPixels / filterGradientChunks, end = (chunk + 1) * outputPixels / filterGradientChunks
    let columns = scratch + filterProductFloats
    if let x {
      for start in stride(from: first, to: end, by: pixelsPerTile) {
        let pixels = start..<min(start + pixelsPerTile, end)
        for group in 0..<groups {
          copyPatches(of: x, pixels, group: group, into: columns)
          columnProduct(
            m: groupOutputs, n: length, k: pixels.count, dy + start * outputs + group * groupOutputs,
            leadingA: outputs, columns, leadingB: length, into: sums + group * groupOutputs * length, leading: length,
            accumulate: start > first, scratch: scratch)
        }
      }
    }
    if let biasSums { sumRows(dy + first * outputs, rows: end - first, to: biasSums) }
  }
}
