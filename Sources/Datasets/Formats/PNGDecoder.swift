import CPNG

/// Reads PNG of every colour type and depth into 8-bit grey or RGB.
///
/// Palettes are looked up, depths below 8 are stretched to 0...255, 16 bits are rounded to 8. An alpha channel (or a
/// transparent colour) is dropped, as training code elsewhere does: hidden colours show, nothing is blended. Colour
/// profiles and gamma are not applied.
public enum PNGDecoder {
  /// Decodes a whole file.
  /// - Returns: one channel for a grey file, otherwise three.
  /// - Throws: `FormatError` for damaged, truncated or oversized files.
  public static func decode(_ file: [UInt8]) throws(FormatError) -> Image {
    let file = pixelChunks(of: file)
    // The simplified interface catches libpng's long jumps inside C; Swift frames must not be jumped over.
    var png = png_image()
    png.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&png) }
    return try file.withUnsafeBytesTyped { (bytes) throws(FormatError) -> Image in
      guard png_image_begin_read_from_memory(&png, bytes.baseAddress, bytes.count) != 0 else {
        throw FormatError("is not a readable PNG: \(message(of: png))")
      }
      let (width, height) = (Int(png.width), Int(png.height))
      try Image.checkSize(width: width, height: height)
      // Deflate packs at most 1032 to 1, so a small file that claims more (an eighth of a byte a pixel) is a lie; found
      // here, it costs no memory.
      guard width * height / 8 <= bytes.count * 1032 else {
        throw FormatError("claims to be \(width)x\(height), which \(bytes.count) bytes cannot hold")
      }

      png.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)  // 16-bit samples are as the eye sees them, not linear light.
      png.format &= png_uint_32(PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
      let hasAlpha = png.format & png_uint_32(PNG_FORMAT_FLAG_ALPHA) != 0
      let channels = png.format & png_uint_32(PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1
      let stored = channels + (hasAlpha ? 1 : 0)
      var succeeded = false
      var pixels = [UInt8](unsafeUninitializedCapacity: width * height * stored) { buffer, count in
        succeeded = png_image_finish_read(&png, nil, buffer.baseAddress, png_int_32(width * stored), nil) != 0
        count = width * height * stored
      }
      guard succeeded else { throw FormatError("is a damaged PNG: \(message(of: png))") }
      if hasAlpha { dropLast(of: stored, from: &pixels) }
      return Image(width: width, height: height, channels: channels, pixels: pixels)
    }
  }

  /// The file without the chunks that do not decide stored samples. Among those dropped are gAMA, sRGB and iCCP, by
  /// which the simplified interface would change values (fatal to a mask), and compressed text.
  private static func pixelChunks(of file: [UInt8]) -> [UInt8] {
    var kept = Array(file.prefix(8))
    kept.reserveCapacity(file.count)
    var chunk = 8
    while chunk + 12 <= file.count {
      let length = file[chunk..<(chunk + 4)].reduce(0) { $0 << 8 | Int($1) }
      let end = chunk + 12 + length
      guard end <= file.count else { break }
      let isCritical = file[chunk + 4] & 0x20 == 0
      if isCritical || file[(chunk + 4)..<(chunk + 8)].elementsEqual("tRNS".utf8) { kept += file[chunk..<end] }
      chunk = end
    }
    return kept + file[min(chunk, file.count)...]
  }

  private static func dropLast(of stored: Int, from pixels: inout [UInt8]) {
    let count = pixels.count / stored
    for pixel in 0..<count {
      for channel in 0..<(stored - 1) { pixels[pixel * (stored - 1) + channel] = pixels[pixel * stored + channel] }
    }
    pixels.removeLast(count)
  }

  static func message(of png: png_image) -> String {
    withUnsafeBytes(of: png.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension Array where Element == UInt8 {
  /// `withUnsafeBytes` that keeps the type of what is thrown.
  fileprivate func withUnsafeBytesTyped<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in try body(UnsafeRawBufferPointer(buffer)) }
  }
}
