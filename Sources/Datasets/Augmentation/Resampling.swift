/// A rectangle inside a picture.
package struct ImageWindow: Hashable, Sendable {
  package let top: Int
  package let left: Int
  package let size: ImageSize

  package init(top: Int, left: Int, size: ImageSize) {
    self.top = top
    self.left = left
    self.size = size
  }
}

extension Image {
  /// The picture at another size.
  public func resized(to size: ImageSize) -> Image {
    resized(from: ImageWindow(top: 0, left: 0, size: self.size), to: size)
  }

  /// The part of the picture inside `window` at another size: bilinear, with the filter widened by the reduction
  /// (antialiasing), in Pillow's arithmetic to the last bit, so that published weights see the pictures they know.
  ///
  /// Nothing outside of the window is looked at. Columns are scaled first, then rows, with bytes in between.
  func resized(from window: ImageWindow, to size: ImageSize) -> Image {
    let scaled = window.size.width == size.width
      ? self.window(top: window.top, left: window.left, size: window.size) : widthScaled(from: window, to: size.width)
    return size.height == scaled.height ? scaled : scaled.heightScaled(to: size.height)
  }

  private func widthScaled(from window: ImageWindow, to newWidth: Int) -> Image {
    let taps = TriangleFilter(from: window.size.width, to: newWidth)
    let rows = window.size.height, rowBytes = width * channels
    let bytes = [UInt8](unsafeUninitializedCapacity: newWidth * rows * channels) { target, initializedCount in
      pixels.withUnsafeBufferPointer { source in
        taps.weights.withUnsafeBufferPointer { weights in
          for row in 0..<rows {
            let line = source.baseAddress! + (window.top + row) * rowBytes + window.left * channels
            let out = target.baseAddress! + row * newWidth * channels
            if channels == 3 {
              taps.applyToColours(line, weights.baseAddress!, out)
            } else {
              taps.applyToGreys(line, weights.baseAddress!, out)
            }
          }
        }
      }
      initializedCount = newWidth * rows * channels
    }
    return Image(width: newWidth, height: rows, channels: channels, pixels: bytes)
  }

  private func heightScaled(to newHeight: Int) -> Image {
    let taps = TriangleFilter(from: height, to: newHeight)
    let rowBytes = width * channels
    let bytes = [UInt8](unsafeUninitializedCapacity: newHeight * rowBytes) { target, initializedCount in
      pixels.withUnsafeBufferPointer { source in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: rowBytes) { sums in
          let sums = sums.baseAddress!
          for row in 0..<newHeight {
            sums.initialize(repeating: TriangleFilter.half, count: rowBytes)
            for tap in 0..<taps.counts[row] {
              // A whole line is added at once: no sum waits for another.
              let line = source.baseAddress! + (taps.starts[row] + tap) * rowBytes
              let weight = taps.weights[row * taps.width + tap]
              for byte in 0..<rowBytes { sums[byte] &+= Int32(line[byte]) &* weight }
            }
            let out = target.baseAddress! + row * rowBytes
            for byte in 0..<rowBytes { out[byte] = TriangleFilter.byte(sums[byte]) }
          }
        }
      }
      initializedCount = newHeight * rowBytes
    }
    return Image(width: width, height: newHeight, channels: channels, pixels: bytes)
  }
}

/// The weights with which the pixels of a line make up the pixels of a longer or shorter one: a triangle of one pixel's
/// radius, widened by the reduction, in fixed point with 22 bits behind the point.
struct TriangleFilter {
  /// The most weights that one pixel of the result has.
  let width: Int
  /// For each pixel of the result, the first pixel of the source that it is made of.
  let starts: [Int]
  /// For each pixel of the result, how many it is made of.
  let counts: [Int]
  /// `width` weights for each pixel of the result.
  let weights: [Int32]

  private static let bits: Int32 = 22
  static let half: Int32 = 1 << (bits - 1)

  init(from sourceLength: Int, to length: Int) {
    let scale = Double(sourceLength) / Double(length), radius = max(scale, 1), steepness = 1 / radius
    width = Int(radius.rounded(.up)) * 2 + 1
    var starts = [Int](repeating: 0, count: length), counts = starts
    var weights = [Int32](repeating: 0, count: length * width)
    for pixel in 0..<length {
      let centre = (Double(pixel) + 0.5) * scale
      let start = max(Int(centre - radius + 0.5), 0), end = min(Int(centre + radius + 0.5), sourceLength)
      let heights = (start..<end).map { max(1 - abs((Double($0) - centre + 0.5) * steepness), 0) }
      let total = heights.reduce(0, +)
      for (tap, height) in heights.enumerated() {
        weights[pixel * width + tap] = Int32(0.5 + height / total * Double(1 << Self.bits))
      }
      starts[pixel] = start
      counts[pixel] = end - start
    }
    self.starts = starts
    self.counts = counts
    self.weights = weights
  }

  /// Weights are not negative and add up to one, so a sum is beyond 255 by rounding at most.
  @inline(__always)
  static func byte(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: min(sum >> bits, 255)) }

  func applyToColours(
    _ line: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<UInt8>
  ) {
    for pixel in 0..<starts.count {
      var red = Self.half, green = Self.half, blue = Self.half
      let source = line + 3 * starts[pixel], weights = weights + pixel * width
      for tap in 0..<counts[pixel] {
        red &+= Int32(source[3 * tap]) &* weights[tap]
        green &+= Int32(source[3 * tap + 1]) &* weights[tap]
        blue &+= Int32(source[3 * tap + 2]) &* weights[tap]
      }
      out[3 * pixel] = Self.byte(red)
      out[3 * pixel + 1] = Self.byte(green)
      out[3 * pixel + 2] = Self.byte(blue)
    }
  }

  func applyToGreys(
    _ line: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<UInt8>
  ) {
    for pixel in 0..<starts.count {
      var sum = Self.half
      let source = line + starts[pixel], weights = weights + pixel * width
      for tap in 0..<counts[pixel] { sum &+= Int32(source[tap]) &* weights[tap] }
      out[pixel] = Self.byte(sum)
    }
  }
}
