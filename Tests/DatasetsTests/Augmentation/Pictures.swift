import Datasets

/// Test pictures whose pixels follow from a formula, so that another language can draw them too.
enum Pictures {
  /// Pixel number i has the 24 bits of i * 2654435761 as red, green and blue.
  static func colours(width: Int, height: Int) -> Image {
    var pixels: [UInt8] = []
    for index in 0..<width * height { pixels += bytes(of: index) }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  /// The top left corner of `colours(width: 1024, …)`.
  static func corner(width: Int, height: Int) -> Image {
    var pixels: [UInt8] = []
    for row in 0..<height {
      for column in 0..<width { pixels += bytes(of: row * 1024 + column) }
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  private static func bytes(of index: Int) -> [UInt8] {
    let bits = index * 2_654_435_761
    return [UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
  }
}

extension Image {
  /// Pillow's mode `L`.
  var grey: Image {
    let bytes = stride(from: 0, to: pixels.count, by: 3).map { offset -> UInt8 in
      let red = Int(pixels[offset]), green = Int(pixels[offset + 1]), blue = Int(pixels[offset + 2])
      return UInt8((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16)
    }
    return Image(width: width, height: height, channels: 1, pixels: bytes)
  }

  /// FNV-1a over the bytes.
  var hash: UInt64 {
    pixels.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
