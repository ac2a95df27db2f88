/// Pixels to be shown: 8 bits a channel, red, green, blue interleaved, rows from top to bottom.
public struct PixelImage: Hashable, Sendable {
  public let width: Int
  public let height: Int
  /// `3 * width * height` bytes.
  public let rgb: [UInt8]

  /// - Parameters:
  ///   - channels: 1 (grey, spread over the three colours) or 3.
  ///   - pixels: `width * height * channels` bytes, channels interleaved.
  public init(width: Int, height: Int, channels: Int = 3, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "a picture of \(width)x\(height)")
    precondition(channels == 1 || channels == 3, "\(channels) channels, wanted 1 or 3")
    precondition(
      pixels.count == width * height * channels, "\(pixels.count) bytes for \(width)x\(height)x\(channels)")
    self.width = width
    self.height = height
    self.rgb = channels == 3 ? pixels : pixels.flatMap { [$0, $0, $0] }
  }

  /// The picture as a PNG file's bytes, pixel for pixel.
  /// - Throws: `PictureError` when memory does not suffice.
  public func pngBytes() throws -> [UInt8] {
    let canvas = Canvas(width: Double(width), height: Double(height), scale: 1)
    canvas.draw(self, in: Rectangle(x: 0, y: 0, width: Double(width), height: Double(height)), smooth: false)
    return try canvas.pngBytes()
  }
}
