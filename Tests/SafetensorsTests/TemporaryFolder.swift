import Foundation
import Testing

/// A folder of a test's own, removed with the value.
final class TemporaryFolder {
  let path: String
  private var fileCount = 0

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("safetensors-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file of `header` (its length put before it) and `data`.
  func write(header: String, data: [UInt8] = []) throws -> String {
    let bytes = Array(header.utf8)
    return try write(withUnsafeBytes(of: UInt64(bytes.count).littleEndian, Array.init) + bytes + data)
  }

  /// By the C library: `Data` waits for the disk each time.
  func write(_ bytes: [UInt8]) throws -> String {
    fileCount += 1
    let path = file("\(fileCount).safetensors")
    let stream = try #require(fopen(path, "w"))
    defer { fclose(stream) }
    #expect(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
    return path
  }
}
