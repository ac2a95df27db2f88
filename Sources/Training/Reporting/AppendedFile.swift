import Foundation

/// A file of a run that grows record by record, such that a killed process leaves whole records.
///
/// Each record is one call of the system: no buffer of ours is lost with the process, and a record that the disk took
/// only in part is cut off again, so that the next one starts on clean ground.
package final class AppendedFile {
  package let path: String
  private let file: Int32
  private var length: off_t

  /// Opens a file for appending.
  /// - Parameter isNew: the file must not exist yet; otherwise it is created when missing.
  /// - Throws: `ReportingError`.
  package init(at path: String, isNew: Bool) throws(ReportingError) {
    self.path = path
    file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (isNew ? O_EXCL : 0), 0o644)
    guard file >= 0 else { throw ReportingError(path: path, action: "open", code: errno) }
    length = lseek(file, 0, SEEK_END)
  }

  deinit { close(file) }

  /// Appends one record whole, or leaves the file as it was.
  package func append(_ record: [UInt8]) throws(ReportingError) {
    var written = 0
    while written < record.count {
      let count = record.withUnsafeBytes { write(file, $0.baseAddress! + written, record.count - written) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let failure = ReportingError(path: path, action: "write", code: errno)
        ftruncate(file, length)
        throw failure
      }
      written += count
    }
    length += off_t(record.count)
  }

  /// Writes a file that is there whole or as it was before, on the disk when this returns.
  package static func replace(_ path: String, with contents: [UInt8]) throws(ReportingError) {
    let partial = path + ".partial"
    unlink(partial)
    do throws(ReportingError) {
      let file = try AppendedFile(at: partial, isNew: true)
      try file.append(contents)
      guard fsync(file.file) == 0, rename(partial, path) == 0 else {
        throw ReportingError(path: path, action: "write", code: errno)
      }
    } catch {
      unlink(partial)
      throw ReportingError(path: path, action: "write", code: error.code)
    }
  }
}

/// A file of the run's records that cannot be opened, read or written.
public struct ReportingError: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  /// What was tried: `open`, `read`, `write`, `make`.
  public let action: String
  /// The system's error number.
  public let code: Int32

  public init(path: String, action: String, code: Int32) {
    self.path = path
    self.action = action
    self.code = code
  }

  public var description: String { "\(path): cannot \(action): \(String(cString: strerror(code)))" }
}
