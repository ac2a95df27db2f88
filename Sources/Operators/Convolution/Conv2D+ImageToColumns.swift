import Compute

/// The tiled image-to-columns method: patches of a tile of output pixels become the rows of a matrix that a matrix product
/// then multiplies with the filters (Chellapilla, Puri, Simard 2006), a tile at a time so that the columns stay in cache.
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

  /// Calls `body` for each kernel row under an output pixel with the image row that it reads (possibly outside), the image
  /// column of its first tap, and the image's number.
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
}

extension Conv2D {
  /// Tiles are whole images, because neighbouring patches overlap: two workers must not add to one pixel.
  func dataGradient(
    _ geometry: ConvolutionGeometry, _ dy: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>,
    _ target: GradientTarget, _ columns: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let outputs = geometry.outputChannels, length = geometry.filterLength, dx = target.pointer
    if geometry.isPointwise {
      for pixels in worker.ranges(geometry.outputPixels, by: geometry.pixelsPerTile) {
        matrixProduct(
          m: pixels.count, n: geometry.channels, k: outputs,
          MatrixOperand(dy + pixels.lowerBound * outputs, leading: outputs), MatrixOperand(weight, leading: length),
          into: dx + pixels.lowerBound * geometry.channels, leading: geometry.channels, accumulate: target.accumulates)
      }
      return
    }
    let imageCount = geometry.height * geometry.width * geometry.channels
    for images in worker.ranges(geometry.images, by: geometry.imagesPerTile) {
      if !target.accumulates {
        (dx + images.lowerBound * imageCount).update(repeating: 0, count: images.count * imageCount)
      }
      let end = images.upperBound * geometry.outputPixelsPerImage
      var start = images.lowerBound * geometry.outputPixelsPerImage
      while start < end {
        let pixels = start..<min(start + geometry.stripPixels, end)
        for group in 0..<geometry.groups {
          matrixProduct(
            m: pixels.count, n: length, k: geometry.groupOutputs,
            MatrixOperand(dy + pixels.lowerBound * outputs + group * geometry.groupOutputs, leading: outputs),
            MatrixOperand(weight + group * geometry.groupOutputs * length, leading: length), into: columns,
            leading: length)
          geometry.scatter(columns, pixels, group: group, into: dx)
        }
        start = pixels.upperBound
      }
    }
  }

  /// Each chunk of the batch sums its own gradient, then the chunks are added in order: the association depends on the
  /// shape alone.
  func filterGradient(
    _ geometry: ConvolutionGeometry, _ dy: UnsafeMutablePointer<Float>, _ call: BackwardCall, bias: GradientTarget?,
    _ worker: Worker
  ) {
    let chunks = geometry.filterGradientChunks, outputs = geometry.outputChannels, length = geometry.filterLength
    let filters = outputs * length, partial = filters + outputs
    let partials = call.context.sharedScratch, columns = call.context.scratch(of: worker)
    let x = call.inputs[0].pointer
    for chunk in worker.tiles(chunks) {
      let sums = partials + chunk * partial
      sums.update(repeating: 0, count: partial)
      let end = (chunk + 1) * geometry.outputPixels / chunks
      var start = chunk * geometry.outputPixels / chunks
      while start < end {
        let pixels = start..<min(start + geometry.pixelsPerTile, end)
        let gradient = dy + pixels.lowerBound * outputs
        if call.inputGradients[1] != nil {
          for group in 0..<geometry.groups {
            let patches = geometry.patches(of: x, pixels, group: group, into: columns)
            matrixProduct(
              m: geometry.groupOutputs, n: length, k: pixels.count,
              MatrixOperand(gradient + group * geometry.groupOutputs, leading: outputs, transposed: true), patches,
              into: sums + group * geometry.groupOutputs * length, leading: length, accumulate: true)
          }
        }
        if bias != nil { addRows(gradient, rows: pixels.count, width: outputs, to: sums + filters) }
        start = pixels.upperBound
      }
    }
    worker.barrier()
    if let target = call.inputGradients[1] { merge(partials, chunks, stride: partial, count: filters, target, worker) }
    if let bias { merge(partials + filters, chunks, stride: partial, count: outputs, bias, worker) }
  }
}
