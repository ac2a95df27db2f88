import Foundation
import Safetensors
import Testing

@Suite struct SafetensorsWriterTests {
  private let weights: [Float] = [0, -0.0, 1.5, .infinity, -0x1p-140, .greatestFiniteMagnitude]

  private func writer(order: [Int] = [0, 1, 2, 3]) throws -> SafetensorsWriter {
    var writer = SafetensorsWriter(metadata: ["step": "120", "note": "a \"quoted\"\nline, \\ é \u{1} 🙂"])
    for index in order {
      switch index {
      case 0: try writer.add("b.weight", shape: [2, 3], floats: weights)
      case 1: try writer.add("a.steps", shape: [], integers: [Int.max])
      case 2: try writer.add("a.bias", shape: [3]) { buffer in for i in 0..<3 { buffer[i] = Float(i) } }
      default: try writer.add("empty \"é", shape: [0, 4], floats: [Float]())
      }
    }
    return writer
  }

  @Test func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.safetensors")
    let written = try writer().write(to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["a.bias", "a.steps", "b.weight", "empty \"é"])
    #expect(file.metadata == ["step": "120", "note": "a \"quoted\"\nline, \\ é \u{1} 🙂"])
    #expect(try file.floats("b.weight").map(\.bitPattern) == weights.map(\.bitPattern))
    #expect(try file.integers("a.steps") == [Int.max])
    #expect(try file.floats("a.bias") == [0, 1, 2])
    #expect(try file.floats("empty \"é").isEmpty)
    #expect(try file.info("b.weight").shape == [2, 3])
    #expect(try file.info("a.steps").shape.isEmpty)
    #expect(try file.info("empty \"é").shape == [0, 4])
    for name in file.names {
      let info = try file.info(name)
      #expect(info.byteRange.lowerBound % info.elementType.byteCount == 0)
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(written.byteCount == bytes.count)
    #expect(written.crc32 == Checksum.crc32(bytes))
    #expect(try written.crc32 == Checksum.crc32(ofFile: path))
  }

  @Test func bytesDoNotDependOnTheOrderOfAdding() throws {
    let folder = try TemporaryFolder()
    _ = try writer().write(to: folder.file("a"))
    _ = try writer(order: [3, 1, 2, 0]).write(to: folder.file("b"))
    let a = try Data(contentsOf: URL(fileURLWithPath: folder.file("a")))
    #expect(try a == Data(contentsOf: URL(fileURLWithPath: folder.file("b"))))
  }

  @Test func exactBytes() throws {
    let folder = try TemporaryFolder()
    var writer = SafetensorsWriter()
    try writer.add("w", shape: [1], floats: [1])
    _ = try writer.write(to: folder.file("x"))
    let header = #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#
    let expected: [UInt8] = [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8) + [0, 0, 0x80, 0x3f]
    #expect(try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("x")))) == expected)
  }

  @Test func refusesWhatCannotBeWritten() throws {
    var writer = try writer()
    #expect(throws: SafetensorsError.self) { try writer.add("b.weight", shape: [1], floats: [1]) }
    #expect(throws: SafetensorsError.self) { try writer.add("c", shape: [2], floats: [1]) }
    #expect(throws: SafetensorsError.self) { try writer.add("__metadata__", shape: [1], floats: [1]) }
    #expect(throws: SafetensorsError.self) { _ = try writer.write(to: "nowhere/x.safetensors") }
  }

  @Test func checksumOfTheStandardText() {
    #expect(Checksum.crc32("123456789".utf8) == 0xcbf4_3926)
    var running = Checksum()
    for part in ["1234", "", "56789"] { Array(part.utf8).withUnsafeBytes { running.add($0) } }
    #expect(running.value == 0xcbf4_3926)
  }
}
