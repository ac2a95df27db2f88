import Foundation

/// A folder for files that are written anew for every mutation, in memory where the machine has a file system for that.
public final class ScratchFolder {
  public let path: String

  public init() throws {
    let memory = "/dev/shm"
    let place = access(memory, W_OK) == 0 ? memory : FileManager.default.temporaryDirectory.path
    path = "\(place)/fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, in the place of what it held, and returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = "\(path)/\(name)"
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    defer { close(file) }
    let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
    guard count == bytes.count else { throw FuzzFailure(description: "cannot write \(path)") }
    return path
  }
}
