import Compute

/// Mirrors a picture left to right with the given probability.
public struct HorizontalFlip: Transform {
  /// 0...1.
  public let probability: Float

  public init(probability: Float = 0.5) {
    precondition(probability >= 0 && probability <= 1, "a probability of \(probability)")
    self.probability = probability
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    if random.uniform() < probability { image.mirror() }
  }
}

extension Image {
  /// Exchanges left and right.
  mutating func mirror() {
    let (width, height) = (width, height)
    if channels == 1 {
      pixels.withUnsafeMutableBufferPointer { buffer in
        for row in 0..<height { Self.mirror(row: buffer.baseAddress! + row * width, width: width) }
      }
    } else {
      pixels.withUnsafeMutableBufferPointer { buffer in
        // A pixel of three bytes moves as a whole.
        buffer.baseAddress!.withMemoryRebound(to: (UInt8, UInt8, UInt8).self, capacity: width * height) { pixels in
          for row in 0..<height { Self.mirror(row: pixels + row * width, width: width) }
        }
      }
    }
  }

  @inline(__always)
  private static func mirror<Pixel>(row: UnsafeMutablePointer<Pixel>, width: Int) {
    var left = 0, right = width - 1
    while left < right {
      let pixel = row[left]
      row[left] = row[right]
      row[right] = pixel
      left += 1
      right -= 1
    }
  }
}
