import Glibc

/// Whole files read into memory, with a sentence for each way in which that fails.
package enum FileBytes {
  /// The bytes of the regular file at `path`.
  ///
  /// Only regular files are read, because a pipe or a device under a picture's name would block or never end.
  /// - Throws: `DatasetError` when it is missing, a broken link, not a regular file, unreadable, or too large.
  package static func read(_ path: String, maximumBytes: Int = 1 << 32) throws(DatasetError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw DatasetError(file: path, reason: whyUnopened(path, errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw DatasetError(file: path, reason: sentence(errno)) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw DatasetError(file: path, reason: "is a folder where a file is wanted")
    default: throw DatasetError(file: path, reason: "is not a regular file")
    }
    let size = Int(status.st_size)
    guard size <= maximumBytes else {
      throw DatasetError(file: path, reason: "has \(size) bytes; at most \(maximumBytes) are read")
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = Glibc.read(descriptor, buffer.baseAddress! + count, size - count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { return }
        count += got
      }
    }
    guard failure == 0 else { throw DatasetError(file: path, reason: sentence(failure)) }
    guard bytes.count == size else {
      throw DatasetError(file: path, reason: "ended after \(bytes.count) of its \(size) bytes")
    }
    return bytes
  }

  /// The lines of a small text file, without blank ones and without the spaces around them.
  static func lines(_ path: String) throws(DatasetError) -> [String] {
    String(decoding: try read(path, maximumBytes: 1 << 24), as: UTF8.self)
      .split(whereSeparator: \.isNewline)
      .map { String($0.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()) }
      .filter { !$0.isEmpty }
  }

  /// Whether anything that can be reached lies at `path`.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private static func whyUnopened(_ path: String, _ code: Int32) -> String {
    guard code == ENOENT, let target = linkTarget(path) else { return sentence(code) }
    return "is a symbolic link to '\(target)', which does not exist"
  }

  private static func linkTarget(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = bytes.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  static func sentence(_ code: Int32) -> String {
    code == ENOENT ? "does not exist" : "cannot be read: \(String(cString: strerror(code)))"
  }
}
