/// Warps whose pixels are made of their neighbours', in double precision and cut to bytes, as Pillow does: a place
/// outside of the picture keeps the fill, and neighbours beyond its border are those on it.
extension Image {
  func warpBilinear(_ source: UnsafePointer<UInt8>, by map: AffineMap, to target: UnsafeMutablePointer<UInt8>) {
    let channels = channels
    warpInterpolated(by: map) { place, out in
      let left = clamped(place.column, width) * channels, right = clamped(place.column + 1, width) * channels
      let line = source + clamped(place.row, height) * width * channels
      let below = place.row + 1 >= 0 && place.row + 1 < height ? source + (place.row + 1) * width * channels : line
      for channel in 0..<channels {
        let above = Self.between(line[left + channel], line[right + channel], place.dx)
        let under = Self.between(below[left + channel], below[right + channel], place.dx)
        target[out + channel] = UInt8(above + (under - above) * place.dy)
      }
    }
  }

  func warpBicubic(_ source: UnsafePointer<UInt8>, by map: AffineMap, to target: UnsafeMutablePointer<UInt8>) {
    let channels = channels
    warpInterpolated(by: map) { place, out in
      let columns = (
        clamped(place.column - 1, width) * channels, clamped(place.column, width) * channels,
        clamped(place.column + 1, width) * channels, clamped(place.column + 2, width) * channels
      )
      func value(_ row: Int, _ channel: Int) -> Double {
        let line = source + clamped(row, height) * width * channels + channel
        return Self.cubic(
          Double(line[columns.0]), Double(line[columns.1]), Double(line[columns.2]), Double(line[columns.3]), place.dx)
      }
      for channel in 0..<channels {
        let sum = Self.cubic(
          value(place.row - 1, channel), value(place.row, channel), value(place.row + 1, channel),
          value(place.row + 2, channel), place.dy)
        target[out + channel] = UInt8(max(0, min(255, sum)))
      }
    }
  }

  /// A place between pixel centres: the centre to its top left and the distance from it.
  private struct Place {
    let column, row: Int
    let dx, dy: Double
  }

  /// Calls `write` with the place and the offset of every pixel that comes from inside the picture.
  @inline(__always)
  private func warpInterpolated(by map: AffineMap, _ write: (Place, Int) -> Void) {
    for row in 0..<height {
      for column in 0..<width {
        let x = Double(column) + 0.5, y = Double(row) + 0.5
        let fromX = map.xx * x + map.xy * y + map.x0, fromY = map.yx * x + map.yy * y + map.y0
        guard fromX >= 0 && fromX < Double(width) && fromY >= 0 && fromY < Double(height) else { continue }
        let left = (fromX - 0.5).rounded(.down), top = (fromY - 0.5).rounded(.down)
        write(
          Place(column: Int(left), row: Int(top), dx: fromX - 0.5 - left, dy: fromY - 0.5 - top),
          (row * width + column) * channels)
      }
    }
  }

  @inline(__always)
  private func clamped(_ index: Int, _ count: Int) -> Int { max(0, min(index, count - 1)) }

  @inline(__always)
  private static func between(_ from: UInt8, _ to: UInt8, _ part: Double) -> Double {
    Double(from) + (Double(to) - Double(from)) * part
  }

  /// The cubic convolution of four equally spaced values with a = -1 (Keys 1981), at `part` of the way from the second
  /// to the third.
  @inline(__always)
  private static func cubic(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ part: Double) -> Double {
    b + part * (-a + c + part * (2 * (a - b) + c - d + part * (-a + b - c + d)))
  }
}
