/// A grid of numbers that belongs to a picture: how much each place counts.
public struct HeatMap: Hashable, Sendable {
  public let rows: Int
  public let columns: Int
  /// Row by row, from the top.
  public let values: [Float]

  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(
      rows > 0 && columns > 0 && values.count == rows * columns, "\(values.count) values for \(rows)x\(columns) places")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// The least and the largest finite number; `nil` where there is none.
  public var range: ClosedRange<Float>? {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return nil }
    return low...high
  }

  /// The bilinear interpolation at a place of the picture, 0...1 from left to right and from top to bottom; each number
  /// stands for the centre of its cell, and beyond the outer centres it stays as it is.
  public func value(x: Double, y: Double) -> Float {
    func neighbours(_ position: Double, _ count: Int) -> (Int, Int, Float) {
      let place = min(max(position * Double(count) - 0.5, 0), Double(count - 1))
      let first = Int(place)
      return (first, min(first + 1, count - 1), Float(place - Double(first)))
    }
    let (left, right, u) = neighbours(x, columns), (top, bottom, v) = neighbours(y, rows)
    func row(_ row: Int) -> Float {
      values[row * columns + left] * (1 - u) + values[row * columns + right] * u
    }
    return row(top) * (1 - v) + row(bottom) * v
  }

  /// The picture in grey under the colours of the numbers, as `width` by `height` pixels.
  /// - Parameters:
  ///   - range: the numbers of the first and the last colour; the map's own when `nil`.
  ///   - opacity: of the colours.
  public func overlaid(
    on picture: PixelImage, width: Int, height: Int, range: ClosedRange<Float>? = nil, opacity: Double = 0.62
  ) -> PixelImage {
    let range = range ?? self.range ?? 0...1
    var pixels = [UInt8](repeating: 0, count: 3 * width * height)
    for row in 0..<height {
      let y = (Double(row) + 0.5) / Double(height)
      for column in 0..<width {
        let x = (Double(column) + 0.5) / Double(width)
        let color = ColorMap.color(Self.inSteps(Self.share(value(x: x, y: y), of: range), 32))
        let grey = (1 - opacity) * Self.inSteps(picture.brightness(x: x, y: y), 16)
        let offset = 3 * (row * width + column)
        for (channel, part) in [color.red, color.green, color.blue].enumerated() {
          pixels[offset + channel] = UInt8((255 * (opacity * part + grey)).rounded())
        }
      }
    }
    return PixelImage(width: width, height: height, pixels: pixels)
  }

  /// The colours of the numbers alone, a pixel for each.
  public var colors: PixelImage {
    let range = range ?? 0...1
    let pixels = values.flatMap { value in
      let color = ColorMap.color(Self.share(value, of: range))
      return [color.red, color.green, color.blue].map { UInt8((255 * $0).rounded()) }
    }
    return PixelImage(width: columns, height: rows, pixels: pixels)
  }

  /// Where in a range a number lies, from 0 to 1. A map of one number has nothing to tell apart: the middle.
  private static func share(_ value: Float, of range: ClosedRange<Float>) -> Double {
    let spread = range.upperBound - range.lowerBound
    return spread > 0 ? Double((value - range.lowerBound) / spread) : 0.5
  }

  /// The nearest of so many steps of 1: the eye tells no more apart here, and a PNG file takes half the bytes.
  private static func inSteps(_ value: Double, _ count: Double) -> Double { (value * count).rounded() / count }
}

extension PixelImage {
  /// The luma (ITU-R 601) of the pixel at a place, 0...1 from left to right and from top to bottom.
  fileprivate func brightness(x: Double, y: Double) -> Double {
    let column = min(Int(x * Double(width)), width - 1), row = min(Int(y * Double(height)), height - 1)
    let offset = 3 * (row * width + column)
    return (0.299 * Double(rgb[offset]) + 0.587 * Double(rgb[offset + 1]) + 0.114 * Double(rgb[offset + 2])) / 255
  }
}
