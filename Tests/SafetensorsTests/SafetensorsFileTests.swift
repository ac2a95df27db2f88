import Foundation
import Safetensors
import Testing

@Suite struct SafetensorsFileTests {
  struct Fault: CustomTestStringConvertible, Sendable {
    let header: String
    var dataBytes = 0
    let sentence: String
    var testDescription: String { sentence }
  }

  static func tensor(_ type: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]") -> String {
    #"{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  static let faults = [
    Fault(header: "", sentence: "wanted '{', found the end of the header"),
    Fault(header: "[]", sentence: "wanted '{', found '[' at 0 of the header"),
    Fault(header: "{} x", sentence: "wanted nothing after the header's object, found 'x' at 3 of the header"),
    Fault(header: #"{"a":{"#, sentence: "tensor 'a': wanted '\"', found the end of the header"),
    Fault(header: #"{"a":{}}"#, sentence: "tensor 'a': wanted dtype, shape and data_offsets, found no data_offsets"),
    Fault(
      header: #"{"a":{"kind":1}}"#, sentence: "tensor 'a': wanted dtype, shape and data_offsets, found 'kind'"),
    Fault(
      header: #"{"a":\#(tensor()),"a":\#(tensor())}"#, dataBytes: 8,
      sentence: "wanted each name once, found 'a' twice"),
    Fault(
      header: #"{"a":\#(tensor("F8_E4M3"))}"#, dataBytes: 8,
      sentence:
        "tensor 'a': wanted one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, found 'F8_E4M3'"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[3]"))}"#, dataBytes: 8,
      sentence: "tensor 'a': wanted 12 bytes for F32 [3], found 8"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[4611686018427387904,4]"))}"#, dataBytes: 8,
      sentence: "tensor 'a': wanted more than 2^63 bytes for F32 [4611686018427387904, 4], found 8"),
    Fault(
      header: #"{"a":\#(tensor())}"#, dataBytes: 7,
      sentence: "tensor 'a': wanted two rising offsets within 7 bytes of data, found [0, 8]"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[2]", "[8,0]"))}"#, dataBytes: 8,
      sentence: "tensor 'a': wanted two rising offsets within 8 bytes of data, found [8, 0]"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[2]", "[0,9223372036854775808]"))}"#, dataBytes: 8,
      sentence: "tensor 'a': wanted a whole number below 2^63, found 9223372036854775808"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[-2]"))}"#, dataBytes: 8,
      sentence: "tensor 'a': wanted a whole number >= 0, found '-' at 29 of the header"),
    Fault(
      header: #"{"a":\#(tensor("F32", "[2]", "[1,9]"))}"#, dataBytes: 9,
      sentence: "tensor 'a': wanted data from offset 0 on, where the one before ends, found 1"),
    Fault(
      header: #"{"a":\#(tensor()),"b":\#(tensor("F32", "[2]", "[4,12]"))}"#, dataBytes: 12,
      sentence: "tensor 'b': wanted data from offset 8 on, where the one before ends, found 4"),
    Fault(
      header: #"{"__metadata__":{"a":1}}"#, sentence: "wanted '\"', found '1' at 21 of the header"),
    Fault(header: "{\"\\ud800\":1}", sentence: "wanted a character's number, found '\"' at 8 of the header"),
    Fault(
      header: String(repeating: "{\"a\":", count: 9_000),
      sentence: "tensor 'a': wanted dtype, shape and data_offsets, found 'a'"),
  ]

  @Test(arguments: faults)
  func sentence(_ fault: Fault) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(header: fault.header, data: [UInt8](repeating: 0, count: fault.dataBytes))
    do {
      _ = try SafetensorsFile(path: path)
      Issue.record("accepted")
    } catch {
      #expect(error.description == "\(path): \(fault.sentence)")
    }
  }

  @Test func refusesBytesBeyondTheLastTensor() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(header: #"{"a":\#(Self.tensor())}"#, data: [UInt8](repeating: 0, count: 9))
    #expect(throws: SafetensorsError.self) { _ = try SafetensorsFile(path: path) }
  }

  @Test(
    arguments: [
      [], [1, 2, 3], [255, 255, 255, 255, 255, 255, 255, 255], [2, 0, 0, 0, 0, 0, 0, 0, 0x7b],
      [0, 225, 245, 5, 1, 0, 0, 0],
      [7, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x7d],
    ] as [[UInt8]])
  func refusesBytes(_ bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes)
    #expect(throws: SafetensorsError.self) { _ = try SafetensorsFile(path: path) }
  }

  @Test func refusesWhatIsNoFile() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SafetensorsError.self) { _ = try SafetensorsFile(path: folder.path) }
    #expect(throws: SafetensorsError.self) { _ = try SafetensorsFile(path: folder.file("absent")) }
  }

  @Test func convertsEveryType() throws {
    let folder = try TemporaryFolder()
    func bytes<Value: BitwiseCopyable>(_ values: Value...) -> [UInt8] { values.withUnsafeBytes(Array.init) }
    let columns: [(String, [UInt8])] = [
      ("F64", bytes(1.5, 1e-3)), ("I64", bytes(Int.min, 9_007_199_254_740_993)), ("U64", bytes(UInt64.max, 1)),
      ("F32", bytes(Float(2.5), -1)), ("I32", bytes(Int32.min, 3)), ("F16", bytes(Float16(0.1), 65504)),
      ("BF16", bytes(UInt16(0x3fc0), UInt16(0xff80))), ("I16", bytes(Int16(-7), 7)), ("U8", [200, 0]),
      ("BOOL", [1, 0]),
    ]
    var entries: [String] = []
    var data: [UInt8] = []
    for (type, column) in columns {
      entries.append(#""\#(type)":\#(Self.tensor(type, "[2]", "[\(data.count),\(data.count + column.count)]"))"#)
      data += column
    }
    let file = try SafetensorsFile(path: folder.write(header: "{\(entries.joined(separator: " , "))}\n ", data: data))
    #expect(try file.floats("F64") == [1.5, Float(1e-3)])
    #expect(try file.floats("F32") == [2.5, -1])
    #expect(try file.floats("F16") == [Float(Float16(0.1)), 65504])
    #expect(try file.floats("BF16") == [1.5, -.infinity])
    #expect(try file.integers("I64") == [Int.min, 9_007_199_254_740_993])
    #expect(try file.integers("I32") == [Int(Int32.min), 3])
    #expect(try file.integers("I16") == [-7, 7])
    #expect(try file.integers("U8") == [200, 0])
    #expect(try file.integers("BOOL") == [1, 0])
    #expect(throws: SafetensorsError.self) { _ = try file.integers("U64") }
    #expect(throws: SafetensorsError.self) { _ = try file.integers("F32") }
    #expect(throws: SafetensorsError.self) { _ = try file.floats("I64") }
    #expect(throws: SafetensorsError.self) { _ = try file.floats("absent") }
    var two = [Float](repeating: 0, count: 3)
    #expect(throws: SafetensorsError.self) { try two.withUnsafeMutableBufferPointer { try file.read("F32", into: $0) } }
  }

  /// Success or `SafetensorsError`, whatever the bytes.
  @Test func mutations() throws {
    let folder = try TemporaryFolder()
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    try writer.add("layer1.0.conv1.weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    try writer.add("bn1.num_batches_tracked", shape: [], integers: [3])
    _ = try writer.write(to: folder.file("x.safetensors"))
    let good = try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("x.safetensors"))))
    let spice = Array("\"{}[],:\\u0123456789-eE. ".utf8) + [0, 0x80, 0xff]
    var random = SplitMix(state: 11)
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = good
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
        guard place < bytes.count else { break }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] = spice.randomElement(using: &random) ?? 0
        case 1: bytes.insert(spice.randomElement(using: &random) ?? 0, at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1..<30, using: &random)))
        case 3: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default:
          bytes[min(bytes.count - 1, Int.random(in: 0..<8, using: &random))] = .random(in: 0...255, using: &random)
        }
      }
      let path = try folder.write(bytes)
      do {
        let file = try SafetensorsFile(path: path)
        for name in file.names {
          _ = try? file.floats(name)
          _ = try? file.integers(name)
        }
      } catch {
        refused += 1
        #expect(error.description.hasPrefix(path))
      }
    }
    // Only flips inside numbers, names and values go unnoticed.
    #expect(refused > 1_000)
  }

  /// The reference numbers, where `PARITY_FIXTURES` names folders of them.
  @Test func referenceFilesParse() throws {
    let folders = (ProcessInfo.processInfo.environment["PARITY_FIXTURES"] ?? "").split(separator: ":").map(String.init)
    for folder in folders {
      let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
      for path in paths where path.hasSuffix(".safetensors") {
        let file = try SafetensorsFile(path: folder + "/" + path)
        #expect(file.metadata["system"] != nil, "\(path)")
        for name in file.names {
          let info = try file.info(name)
          let count = info.elementType == .float32 ? try file.floats(name).count : try file.integers(name).count
          #expect(count == info.shape.reduce(1, *), "\(path) \(name)")
        }
      }
    }
  }
}

/// Steele, Lea, Flood (2014): a generator whose numbers are the same on every machine.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
