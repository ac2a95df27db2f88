import Foundation
import PyTorchArchives
import Safetensors
import Support
import Testing

/// Files that PyTorch wrote (`Tests/Fixtures/pytorch`, whose README says how) give the numbers that it put in.
@Suite struct PyTorchFileTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/pytorch").path

  static func fixture(_ name: String) -> String { "\(folder)/\(name)" }

  /// -1, -0.75, -0.5, …
  private func ramp(_ places: [Int]) -> [Float] { places.map { Float($0) / 4 - 1 } }

  @Test(arguments: ["kinds.pth", "kinds_legacy.pth"]) func `Every type and every view is read in its own order`(
    name: String
  ) throws {
    let file = try PyTorchFile(path: Self.fixture(name))
    #expect(file.names.count == 17 && file.names == file.names.sorted() && file.location == "")
    let floats: [(String, ElementType, [Int], [Int])] = [
      ("plain", .float32, [2, 3], [0, 1, 2, 3, 4, 5]), ("transposed", .float32, [3, 2], [0, 3, 1, 4, 2, 5]),
      ("window", .float32, [2, 3], [7, 9, 11, 13, 15, 17]), ("row", .float32, [6], [18, 19, 20, 21, 22, 23]),
      ("repeated", .float32, [3, 4], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
      ("channels_last", .float32, [1, 2, 2, 3], Array(0..<12)), ("empty", .float32, [0, 4], []),
      ("double", .float64, [3], [0, 1, 2]), ("half", .float16, [3], [0, 1, 2]),
      ("bfloat16", .bfloat16, [3], [0, 1, 2]), ("parameter", .float32, [2], [0, 1]),
    ]
    for (name, type, shape, places) in floats {
      #expect(try file.elementType(of: name) == type && file.shape(of: name) == shape, "\(name)")
      #expect(try file.floats(name) == ramp(places), "\(name)")
    }
    let integers: [(String, ElementType, [Int])] = [
      ("scalar", .int64, [7]), ("int32", .int32, [-1, 2]), ("int16", .int16, [-1, 2]), ("int8", .int8, [-1, 2]),
      ("uint8", .uint8, [255, 2]), ("bool", .bool, [1, 0]),
    ]
    for (name, type, values) in integers {
      #expect(try file.elementType(of: name) == type && file.integers(name) == values, "\(name)")
    }
    #expect(try file.shape(of: "scalar") == [])
    #expect(throws: ArchiveError.self) { try file.floats("scalar") }
    #expect(throws: ArchiveError.self) { try file.integers("plain") }
    #expect(throws: ArchiveError.self) { try file.floats("absent") }
  }

  @Test(arguments: ["protocol4.pth", "deflated.pth", "no_checksums.pth", "complex.pth"])
  func `Other protocols, packed archives and archives without checksums are read`(name: String) throws {
    let file = try PyTorchFile(path: Self.fixture(name))
    #expect(try file.floats("plain") == ramp(Array(0..<6)))
    if file.contains("uint16") { #expect(try file.integers("uint16") == [65535, 2]) }
    // A type that no network has is passed over.
    #expect(!file.contains("complex"))
  }

  @Test func `Weights are found among what a training script leaves, and so is their average`() throws {
    let path = Self.fixture("checkpoint.pth")
    let weights = try PyTorchFile(path: path), average = try PyTorchFile(path: path, takesAverage: true)
    #expect(weights.location == "state_dict" && weights.names == ["module.fc.bias", "module.fc.weight"])
    #expect(try weights.floats("module.fc.weight") == ramp(Array(0..<6)))
    #expect(average.location == "state_dict_ema" && average.names == ["fc.bias", "fc.weight"])
    #expect(try average.floats("fc.weight") == ramp(Array(0..<6)).map { 2 * $0 })
    let error = #expect(throws: ArchiveError.self) {
      try PyTorchFile(path: Self.fixture("kinds.pth"), takesAverage: true)
    }
    #expect(error?.reason.hasPrefix("has no moving average under state_dict_ema, model_ema, ") == true)
  }

  @Test func `A whole network is refused with the line of Python that helps`() throws {
    let error = #expect(throws: ArchiveError.self) { try PyTorchFile(path: Self.fixture("network.pth")) }
    #expect(
      error?.reason == "the pickle names 'torch.nn.modules.linear.Linear', which is not data; nothing was run. If that "
        + "is a network or what belongs to one, write its weights alone in Python: "
        + "torch.save(network.state_dict(), PATH)")
  }

  @Test func `A file that has changed since it was written is found out`() throws {
    let folder = try ScratchFolder()
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.fixture("protocol4.pth"))))
    let place = try #require(bytes.firstRange(of: TinyPickle.floats([-1, -0.75])))
    bytes[place.lowerBound] ^= 1
    let file = try PyTorchFile(path: try folder.write(bytes, to: "x"))
    let error = #expect(throws: ArchiveError.self) { try file.floats("plain") }
    #expect(error?.reason.contains("has changed since it was written: its checksum is wrong") == true)
    // Cut short, as a download is.
    let cut = try folder.write(Array(bytes.dropLast(30)), to: "cut")
    let early = #expect(throws: ArchiveError.self) { try PyTorchFile(path: cut) }
    #expect(early?.reason.contains("its directory is missing (a download cut short?)") == true)
  }

  @Test func `What is no file of torch.save is said to be none`() throws {
    let folder = try ScratchFolder()
    for bytes in [[], Array("version https://git-lfs".utf8), [0x80, 2, 0x7D, 0x2E], Array("<!DOCTYPE html>".utf8)] {
      let path = try folder.write(bytes, to: "x")
      #expect(throws: ArchiveError(file: path, reason: "is not a file of torch.save")) { try PyTorchFile(path: path) }
    }
    // A header of 640 bytes begins like a pickle.
    #expect(!PyTorchFile.begins([0x80, 2, 0, 0, 0, 0, 0, 0, 0x7B, 0x22]))
    #expect(throws: ArchiveError.self) { try PyTorchFile(path: folder.path) }
    #expect(throws: ArchiveError.self) { try PyTorchFile(path: folder.path + "/absent") }
  }
}
