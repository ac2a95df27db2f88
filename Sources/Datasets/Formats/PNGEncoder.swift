import CPNG

/// Writes pictures as PNG.
public enum PNGEncoder {
  /// The bytes of an 8-bit grey or RGB file.
  public static func encode(_ image: Image) throws(FormatError) -> [UInt8] {
    precondition(image.channels == 1 || image.channels == 3, "\(image.channels) channels; PNG takes 1 or 3")
    var png = png_image()
    png.version = png_uint_32(PNG_IMAGE_VERSION)
    png.width = png_uint_32(image.width)
    png.height = png_uint_32(image.height)
    png.format = image.channels == 3 ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0
    defer { png_image_free(&png) }

    // Room for the worst case, so that one pass is enough: deflate adds 5 bytes to each 16 KiB it cannot shrink.
    let rawBytes = image.pixels.count + image.height
    let capacity = rawBytes + 5 * (rawBytes / 16_383 + 1) + 12 * (rawBytes / 8192 + 1) + 1024
    var succeeded = false
    let file = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      var byteCount = png_alloc_size_t(capacity)
      succeeded = png_image_write_to_memory(&png, buffer.baseAddress, &byteCount, 0, image.pixels, 0, nil) != 0
      count = succeeded ? Int(byteCount) : 0
    }
    guard succeeded else { throw FormatError("cannot be written as PNG: \(PNGDecoder.message(of: png))") }
    return file
  }
}
