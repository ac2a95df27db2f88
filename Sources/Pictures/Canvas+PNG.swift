import CCairo
import Foundation

/// Encoding and writing.
extension Canvas {
  /// The canvas as a PNG file's bytes.
  /// - Throws: `PictureError` when memory does not suffice.
  public func pngBytes() throws -> [UInt8] {
    var bytes: [UInt8] = []
    let encoding = withUnsafeMutablePointer(to: &bytes) { sink in
      cairo_surface_write_to_png_stream(
        surface,
        { sink, data, count in
          sink!.assumingMemoryBound(to: [UInt8].self).pointee
            .append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
          return CAIRO_STATUS_SUCCESS
        }, sink)
    }
    // A failed drawing call leaves its mark on the context only.
    for status in [cairo_status(context), encoding] where status != CAIRO_STATUS_SUCCESS {
      throw PictureError(path: nil, reason: String(cString: cairo_status_to_string(status)))
    }
    return bytes
  }

  /// Writes the canvas as a PNG file, whole or not at all: a viewer that watches the file never sees half a picture.
  /// - Throws: `PictureError` naming the file and what the disk said.
  public func writePNG(to path: String) throws {
    let bytes = try pngBytes()
    let partial = path + ".partial"
    do throws(PictureError) {
      try Self.write(bytes, to: partial)
      guard rename(partial, path) == 0 else { throw Self.diskError(path) }
    } catch {
      unlink(partial)
      throw PictureError(path: path, reason: error.reason)
    }
  }

  /// Writes a file from its beginning, without the care of `writePNG`.
  package static func write(_ bytes: [UInt8], to path: String) throws(PictureError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else { throw diskError(path) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress! + written, bytes.count - written) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let failure = diskError(path)
        close(file)
        throw failure
      }
      written += count
    }
    // A network file system reports a full disk only here.
    guard close(file) == 0 else { throw diskError(path) }
  }

  private static func diskError(_ path: String) -> PictureError {
    PictureError(path: path, reason: String(cString: strerror(errno)))
  }
}
