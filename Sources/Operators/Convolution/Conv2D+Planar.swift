import Compute

/// The planar method for one or two channels (the 7x7 convolution of CBAM's spatial gate): the image is split into one
/// zero-padded plane a channel, so that sixteen neighbouring columns fill a vector although the channels do not.
extension ConvolutionGeometry {
  /// Output columns in whole vectors, and the columns that the last taps reach beyond them (eight at most).
  private var planePitch: Int { Lanes.padded(outputWidth) + 8 }
  /// Output rows a tile: whole fours, and planes of about 64 KiB.
  private var planeRows: Int {
    let fitting = 16_384 / (planePitch * max(channels, outputChannels)) / 4 * 4
    return max(4, min(fitting, (outputHeight + 3) / 4 * 4))
  }
  private var planeBands: Int { (outputHeight + planeRows - 1) / planeRows }
  /// Floats of a tile's input planes.
  var planeFloats: Int { channels * (planeRows + kernelHeight - 1) * planePitch }
  /// The same for the filter gradient, with the planes of dy and the running sums of every weight and bias.
  var planeProductFloats: Int {
    planeFloats + outputChannels * planeRows * planePitch + (runningSums + outputChannels) * 16
  }
  /// Sums of sixteen lanes: eight taps a row of a filter, of which `kernelWidth` count.
  private var runningSums: Int { outputChannels * channels * kernelHeight * 8 }

  /// y = b + the correlation of x with the filters, a band of rows of one image a tile.
  func correlatePlanes(
    _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into y: GradientTarget, _ planes: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let bands = planeBands, bandRows = planeRows
    for tile in worker.tiles(images * bands) {
      let image = tile / bands, first = tile % bands * bandRows
      let count = min(bandRows, outputHeight - first)
      fillPlanes(
        planes, from: x + image * height * width * channels, width: width, channels: channels, top: first - paddingY,
        left: paddingX, rows: bandRows + kernelHeight - 1, through: height)
      for output in 0..<outputChannels {
        let start = bias.map { Lanes(repeating: $0[output]) } ?? Lanes(repeating: 0)
        for row in stride(from: 0, to: count, by: 4) {
          let line = (image * outputHeight + first + row) * outputWidth
          inLanes(0..<outputWidth) { column, lanes in
            let sums = fourRows(
              planes + row * planePitch + column, weight + filters.origin + output * filters.output, start)
            let pixel = line + column
            put(sums.0, into: y, pixel: pixel, lanes, output)
            if row + 1 < count { put(sums.1, into: y, pixel: pixel + outputWidth, lanes, output) }
            if row + 2 < count { put(sums.2, into: y, pixel: pixel + 2 * outputWidth, lanes, output) }
            if row + 3 < count { put(sums.3, into: y, pixel: pixel + 3 * outputWidth, lanes, output) }
          }
        }
      }
    }
  }

  /// Sixteen columns of four output rows: a weight is loaded once for the four.
  @inline(__always)
  private func fourRows(
    _ planes: UnsafeMutablePointer<Float>, _ filter: UnsafeMutablePointer<Float>, _ start: Lanes
  ) -> (Lanes, Lanes, Lanes, Lanes) {
    var (s0, s1, s2, s3) = (start, start, start, start)
    let pitch = planePitch, planeCount = (planeRows + kernelHeight - 1) * pitch
    for channel in 0..<channels {
      for v in 0..<kernelHeight {
        let line = planes + channel * planeCount + v * pitch
        var place = channel * filters.channel + v * kernelWidth * filters.tap
        for u in 0..<kernelWidth {
          let weight = Lanes(repeating: filter[place])
          s0.addProduct(weight, line.lanes(at: u))
          s1.addProduct(weight, line.lanes(at: u + pitch))
          s2.addProduct(weight, line.lanes(at: u + 2 * pitch))
          s3.addProduct(weight, line.lanes(at: u + 3 * pitch))
          place += filters.tap
        }
      }
    }
    return (s0, s1, s2, s3)
  }

  /// Writes neighbouring pixels of one output channel.
  @inline(__always)
  private func put(_ sum: Lanes, into y: GradientTarget, pixel: Int, _ lanes: Int, _ output: Int) {
    if outputChannels == 1 {
      y.put(sum, at: pixel, first: lanes)
    } else {
      for lane in 0..<lanes { y.put(sum[lane], at: (pixel + lane) * outputChannels + output) }
    }
  }

  /// Adds one chunk's part of the filter gradient (none where `x` is `nil`) and of the bias gradient to its sums. Every
  /// weight has sixteen running sums, added across the lanes once a chunk.
  func addPlaneProducts(
    _ chunk: Int, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
    to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ planes: UnsafeMutablePointer<Float>
  ) {
    let bands = planeBands, bandRows = planeRows, pitch = planePitch, chunks = filterGradientChunks
    let slopes = planes + planeFloats, running = slopes + outputChannels * bandRows * pitch
    let biasRunning = running + runningSums * 16
    running.update(repeating: 0, count: (runningSums + outputChannels) * 16)
    for tile in chunk * images * bands / chunks..<(chunk + 1) * images * bands / chunks {
      let image = tile / bands, first = tile % bands * bandRows
      // Rows and columns beyond the band are zeros, so that whole vectors can be multiplied.
      fillPlanes(
        slopes, from: dy + image * outputPixelsPerImage * outputChannels, width: outputWidth, channels: outputChannels,
        top: first, left: 0, rows: bandRows, through: outputHeight)
      if biasSums != nil {
        for output in 0..<outputChannels {
          var total = biasRunning.lanes(at: output * 16)
          inLanes(0..<bandRows * pitch / 16 * 16) { at, _ in
            total += slopes.lanes(at: output * bandRows * pitch + at)
          }
          biasRunning.store(total, at: output * 16)
        }
      }
      guard let x else { continue }
      fillPlanes(
        planes, from: x + image * height * width * channels, width: width, channels: channels, top: first - paddingY,
        left: paddingX, rows: bandRows + kernelHeight - 1, through: height)
      addRowProducts(planes, slopes, rows: min(bandRows, outputHeight - first), to: running)
    }
    for filter in 0..<outputChannels * channels * kernelHeight {
      let (output, rest) = filter.quotientAndRemainder(dividingBy: channels * kernelHeight)
      let (channel, v) = rest.quotientAndRemainder(dividingBy: kernelHeight)
      for u in 0..<kernelWidth {
        let place = output * filters.output + (v * kernelWidth + u) * filters.tap + channel
        sums[place] += running.lanes(at: (filter * 8 + u) * 16).total
      }
    }
    if let biasSums {
      for output in 0..<outputChannels { biasSums[output] += biasRunning.lanes(at: output * 16).total }
    }
  }

  /// For each row of each filter: dy, loaded once, times x at the row's taps.
  private func addRowProducts(
    _ planes: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, rows: Int,
    to running: UnsafeMutablePointer<Float>
  ) {
    let pitch = planePitch, slopeCount = planeRows * pitch, planeCount = (planeRows + kernelHeight - 1) * pitch
    for output in 0..<outputChannels {
      for channel in 0..<channels {
        for v in 0..<kernelHeight {
          let sums = running + ((output * channels + channel) * kernelHeight + v) * 8 * 16
          var products = EightLanes(repeating: Lanes(repeating: 0))
          for row in 0..<rows {
            let slope = slopes + output * slopeCount + row * pitch
            let line = planes + channel * planeCount + (row + v) * pitch
            var column = 0
            while column < outputWidth {
              products.addProducts(slope.lanes(at: column)) { line.lanes(at: column + $0) }
              column += 16
            }
          }
          products.visit { sums.store(sums.lanes(at: $0 * 16) + $1, at: $0 * 16) }
        }
      }
    }
  }

  /// Splits rows of an interleaved image into planes, with zeros where there is no image.
  /// - Parameters:
  ///   - top: the image row of the planes' first row.
  ///   - left: the columns of zeros before the image.
  ///   - end: the end of the image's rows.
  private func fillPlanes(
    _ planes: UnsafeMutablePointer<Float>, from image: UnsafeMutablePointer<Float>, width: Int, channels: Int, top: Int,
    left: Int, rows: Int, through end: Int
  ) {
    let pitch = planePitch
    for channel in 0..<channels {
      for row in 0..<rows {
        let line = planes + (channel * rows + row) * pitch, y = top + row
        guard y >= 0 && y < end else {
          line.update(repeating: 0, count: pitch)
          continue
        }
        let source = image + y * width * channels + channel
        line.update(repeating: 0, count: left)
        for column in 0..<width { line[left + column] = source[column * channels] }
        (line + left + width).update(repeating: 0, count: pitch - left - width)
      }
    }
  }
}
