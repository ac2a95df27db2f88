import Compute
import Datasets
import Foundation

/// The committed pictures of `Tests/Fixtures/datasets`.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/datasets").path
  static func path(_ name: String) -> String { "\(folder)/\(name)" }
  static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path(name)))) }

  /// The folder of full-size sets that `TRAINER_DATA` names; their tests are skipped without it.
  static let realData = ProcessInfo.processInfo.environment["TRAINER_DATA"]
}

/// A folder that goes when the test ends.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "datasets-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it.
  func write(_ bytes: [UInt8], to name: String) throws {
    let file = URL(filePath: path).appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }
  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }
}

/// FNV-1a, to state what a whole picture must be in one number.
func checksum(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

/// A damaged copy: cut short, or with one to eight bits flipped; by turns, the same for the same number.
func damaged(_ file: [UInt8], _ number: Int) -> [UInt8] {
  var random = RandomStream(RandomKey(2026).appending(number))
  var file = file
  if number % 3 == 0 { return Array(file.prefix(random.integer(below: file.count))) }
  for _ in 0...random.integer(below: 8) {
    file[random.integer(below: file.count)] ^= 1 << UInt8(random.integer(below: 8))
  }
  return file
}
