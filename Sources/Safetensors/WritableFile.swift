import Glibc

/// A file that is written from front to back and summed on the way.
struct WritableFile: ~Copyable {
  let path: String
  private(set) var byteCount = 0
  private(set) var checksum = Checksum()
  private let descriptor: Int32

  init(path: String) throws(SafetensorsError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    self.path = path
    guard descriptor >= 0 else { throw ReadableFile.error(path, wanted: "a writable file") }
  }

  deinit { close(descriptor) }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(SafetensorsError) {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw ReadableFile.error(path, wanted: "room for \(bytes.count - done) more bytes") }
      done += count
    }
    byteCount += bytes.count
    checksum.add(bytes)
  }

  /// Returns when the bytes are on the disk.
  func flush() throws(SafetensorsError) {
    guard fsync(descriptor) == 0 else { throw ReadableFile.error(path, wanted: "the bytes on the disk") }
  }
}
