import Safetensors

/// The form before PyTorch 1.6: five pickles in a row (a magic number, the protocol, facts about the machine, the
/// object, the keys of its storages), then for each key the number of its elements in eight bytes, and the elements.
struct LegacyContainer: StorageContainer {
  /// 0x1950a86a20f9469cfc6c.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  let pickle: Pickle
  private let file: ReadableFile
  /// Where each storage lies.
  private let storages: [String: Range<Int>]

  /// Whether a file that begins so has this form: a pickle whose first value is a long number.
  static func begins(_ bytes: [UInt8]) -> Bool {
    bytes.count > 2 && bytes[0] == Opcode.protocol.rawValue && bytes[1] <= 5
      && [Opcode.long1.rawValue, Opcode.frame.rawValue].contains(bytes[2])
  }

  /// - Throws: `Refusal`.
  init(_ file: ReadableFile) throws(Refusal) {
    self.file = file
    let bytes = try file.part(0..<min(file.byteCount, largestPickleBytes))
    let magic = try PickleMachine.read(bytes)
    guard case .wideInteger(Self.magic) = magic.root else { throw Refusal("is a pickle, but none of torch.save's") }
    let version = try PickleMachine.read(bytes, from: magic.end)
    guard case .integer(1001) = version.root else {
      throw Refusal("is of a form of torch.save that is not known; wanted protocol 1001")
    }
    let machine = try PickleMachine.read(bytes, from: version.end)
    guard case .truth(true)? = machine.value("little_endian", of: machine.root) else {
      throw Refusal("its numbers have the most significant byte first; wanted little-endian ones")
    }
    pickle = try PickleMachine.read(bytes, from: machine.end)
    let keys = try PickleMachine.read(bytes, from: pickle.end)
    guard let names = keys.members(keys.root) else { throw Refusal("lacks the list of its storages") }
    storages = try Self.places(names, from: keys.end, pickle, file)
  }

  func byteCount(of key: String) -> Int? { storages[key]?.count }

  func bytes(_ range: Range<Int>, of key: String) throws(Refusal) -> [UInt8] {
    guard let place = storages[key] else { throw Refusal("there is no storage '\(key)'") }
    return try file.part(place.lowerBound + range.lowerBound..<place.lowerBound + range.upperBound)
  }

  /// Walks over the storages, which lie without gap.
  private static func places(
    _ names: [PickleValue], from start: Int, _ pickle: Pickle, _ file: ReadableFile
  ) throws(Refusal) -> [String: Range<Int>] {
    let known = Dictionary(pickle.storages.map { ($0.key, $0) }) { first, _ in first }
    var places: [String: Range<Int>] = [:], position = start
    for name in names {
      guard case .text(let key) = name, let storage = known[key], places[key] == nil else {
        throw Refusal("its list of storages does not fit its pickle")
      }
      guard file.byteCount - position >= 8 else { throw Refusal("ends early: storage '\(key)' is missing") }
      let count = try file.part(position..<position + 8).number(at: 0, bytes: 8)
      position += 8
      let left = (file.byteCount - position) / storage.type.byteCount
      guard count == UInt64(storage.count), storage.count <= left else {
        throw Refusal("storage '\(key)' has \(count) elements, \(storage.count) are wanted; \(left) fit into the file")
      }
      places[key] = position..<position + storage.count * storage.type.byteCount
      position += storage.count * storage.type.byteCount
    }
    return places
  }
}
