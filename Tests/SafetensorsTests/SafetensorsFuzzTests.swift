import Foundation
import Safetensors
import Support
import Testing

/// Whatever the bytes are, the answer is tensors or a `SafetensorsError`, and it takes no memory that the file lacks.
@Suite struct SafetensorsFuzzTests {
  @Test func `Ten thousand damaged files give tensors or a sentence`() throws {
    let folder = try ScratchFolder()
    let seeds = try Self.seeds()
    let tally = try fuzz(
      Mutator("safetensors", seeds: seeds, .text), refusal: SafetensorsError.self
    ) { bytes, number in
      // Every second keeps the header's length right, so that the damage reaches what lies behind it.
      let path = try folder.write(number % 2 == 0 ? bytes : Self.withRightLength(bytes), to: "x")
      let opened = try SafetensorsFile(path: path)
      for name in opened.names {
        let info = try opened.info(name)
        #expect(info.shape.reduce(1, *) == info.count && info.byteRange.upperBound <= bytes.count)
        let floats = Result { try opened.floats(name) }, integers = Result { try opened.integers(name) }
        for count in [try? floats.get().count, try? integers.get().count] where count != nil {
          #expect(count == info.count)
        }
      }
    }
    #expect(tally.refused > 5_000 && tally.accepted > 100, "\(tally)")
  }

  @Test(arguments: ["1152921504606846976", "9223372036854775807", "18446744073709551615", "4611686018427387904,4"])
  func `A shape of 2^60 elements is refused before memory is taken`(extents: String) throws {
    let folder = try ScratchFolder()
    let header = #"{"w":{"dtype":"F32","shape":[\#(extents)],"data_offsets":[0,4]}}"#
    let path = try folder.write(Self.lengthPrefix(header.utf8.count) + Array(header.utf8) + [0, 0, 0, 0], to: "x")
    #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    // The same with a header that is said to be as long.
    try folder.write([0, 0, 0, 0, 0, 0, 0, 0x10] + Array(header.utf8), to: "x")
    #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
  }

  @Test func `A sentence stays short, however long the shape that it is about`() throws {
    let folder = try ScratchFolder()
    let shape = Array(repeating: "1", count: 100_000).joined(separator: ",")
    let header = #"{"w":{"dtype":"F32","shape":[\#(shape)],"data_offsets":[\#(shape)]}}"#
    let path = try folder.write(Self.lengthPrefix(header.utf8.count) + Array(header.utf8), to: "x")
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    #expect(error.map { "\($0)".utf8.count < 500 } == true)
  }

  private static func lengthPrefix(_ count: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt64(count).littleEndian, Array.init)
  }

  /// The length that ends the header at its last closing brace.
  private static func withRightLength(_ bytes: [UInt8]) -> [UInt8] {
    guard let end = bytes.dropFirst(8).lastIndex(of: UInt8(ascii: "}")) else { return bytes }
    return lengthPrefix(end - 7) + bytes[8...]
  }

  private static func seeds() throws -> [[UInt8]] {
    let folder = try ScratchFolder(), path = folder.path + "/seed"
    var writer = SafetensorsWriter(metadata: ["format": "pt", "note": "é \"\\ \u{1F642}"])
    try writer.add("layer1.0.conv1.weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    try writer.add("bn1.num_batches_tracked", shape: [], integers: [3])
    try writer.add("empty", shape: [0, 4], floats: [Float]())
    _ = try writer.write(to: path)
    let written = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    // Of every type the elements of eight bytes.
    let widths = ["F64": 8, "F16": 2, "BF16": 2, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U8": 1, "BOOL": 1]
    let entries = widths.keys.sorted().enumerated().map { index, type -> String in
      let offsets = "[\(8 * index),\(8 * index + 8)]"
      return #""\#(type)\u00e9":{"dtype":"\#(type)","shape":[\#(8 / widths[type]!)],"data_offsets":\#(offsets)}"#
    }
    let header = "{" + entries.joined(separator: ",") + "}"
    let values = [UInt8](repeating: 0x7F, count: 8 * entries.count)
    return [written, lengthPrefix(header.utf8.count) + Array(header.utf8) + values]
  }
}
