import Glibc

/// A file open for reading at any offset, from any thread.
///
/// Not mapped into memory: a file that another process shortens while it is mapped ends the program with a signal,
/// while a read that comes up short is an error like any other.
package final class ReadableFile: Sendable {
  package let path: String
  package let byteCount: Int
  private let descriptor: Int32

  package init(path: String) throws(SafetensorsError) {
    // Without waiting: the name could be a pipe's, which opens only when somebody writes to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.error(path, wanted: "a readable file") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw SafetensorsError(file: path, wanted: "a file", found: "a folder or a device")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes from `offset` on.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SafetensorsError) {
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.error(path, wanted: "\(buffer.count) bytes at \(offset)") }
      guard count > 0 else {
        throw SafetensorsError(file: path, wanted: "\(buffer.count) bytes at \(offset)", found: "only \(done)")
      }
      done += count
    }
  }

  /// The bytes of `range`.
  package func bytes(_ range: Range<Int>) throws(SafetensorsError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    // `withUnsafeMutableBytes` rethrows without the error's type.
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(SafetensorsError) in try read(into: buffer, at: range.lowerBound) }
    }
    try result.get()
    return bytes
  }

  static func error(_ path: String, wanted: String) -> SafetensorsError {
    SafetensorsError(file: path, wanted: wanted, found: String(cString: strerror(errno)))
  }
}
