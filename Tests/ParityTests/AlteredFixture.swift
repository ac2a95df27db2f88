import Foundation
import Parity
import Safetensors

/// A copy of a fixture with something changed, in a folder that goes with it.
final class AlteredFixture {
  var metadata: [String: String]
  var floats: [String: (shape: [Int], values: [Float])] = [:]
  var integers: [String: (shape: [Int], values: [Int])] = [:]
  private let folder: URL

  init(_ name: String) throws {
    let file = try SafetensorsFile(path: FixtureFiles.path(name))
    metadata = file.metadata
    for name in file.names {
      let info = try file.info(name)
      if info.elementType == .int64 {
        integers[name] = (info.shape, try file.integers(name))
      } else {
        floats[name] = (info.shape, try file.floats(name))
      }
    }
    folder = URL(filePath: NSTemporaryDirectory()).appending(path: "parity-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Replaces a piece of the options' JSON.
  func replace(_ text: String, by other: String) {
    metadata["config"] = metadata["config"]!.replacing(text, with: other)
  }

  func written() throws -> String {
    var writer = SafetensorsWriter(metadata: metadata)
    for (name, tensor) in floats { try writer.add(name, shape: tensor.shape, floats: tensor.values) }
    for (name, tensor) in integers { try writer.add(name, shape: tensor.shape, integers: tensor.values) }
    let path = folder.appending(path: "altered.safetensors").path
    _ = try writer.write(to: path)
    return path
  }

  func check() throws -> ParityResult { ParityCheck.run(path: try written()) }
}
