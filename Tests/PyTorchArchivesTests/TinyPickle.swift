import Foundation

/// Pickles by hand, instruction by instruction, for what `torch.save` would never write.
struct TinyPickle {
  private(set) var bytes: [UInt8] = [0x80, 2]

  init(_ body: [UInt8]...) { bytes += body.joined() }

  /// The pickle with its last instruction.
  var ended: [UInt8] { bytes + Array(".".utf8) }

  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  static func text(_ text: String) -> [UInt8] { [0x58] + number(UInt64(text.utf8.count), 4) + Array(text.utf8) }

  static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + number(UInt64(bitPattern: Int64(value)), 8) }

  static func tuple(_ members: [UInt8]...) -> [UInt8] { Array("(".utf8) + members.joined() + Array("t".utf8) }

  static func dictionary(_ key: String, _ value: [UInt8]) -> [UInt8] {
    Array("}".utf8) + text(key) + value + Array("s".utf8)
  }

  /// The persistent name of a storage of floats, and the instruction that follows it there.
  static func storage(_ key: String, count: Int, type: String = "FloatStorage") -> [UInt8] {
    tuple(text("storage"), global("torch", type), text(key), text("cpu"), integer(count)) + Array("Q".utf8)
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())`.
  static func tensor(_ storage: [UInt8], offset: Int = 0, shape: [Int], strides: [Int]) -> [UInt8] {
    func tuple(_ extents: [Int]) -> [UInt8] { Array("(".utf8) + extents.flatMap(integer) + Array("t".utf8) }
    return global("torch._utils", "_rebuild_tensor_v2")
      + self.tuple(storage, integer(offset), tuple(shape), tuple(strides), [0x89], Array("N".utf8)) + Array("R".utf8)
  }

  static func number(_ value: UInt64, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  /// The bytes of floats.
  static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { number(UInt64($0.bitPattern), 4) } }
}

extension TinyPickle {
  /// A file of the older form around an object: magic number, protocol, facts, the object, its storages.
  static func legacyFile(_ object: [UInt8], storages: [(key: String, count: Int, bytes: [UInt8])] = []) -> [UInt8] {
    let magic: [UInt8] = [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    let keys = Array("](".utf8) + storages.flatMap { text($0.key) } + Array("e".utf8)
    let head = [
      TinyPickle(magic), TinyPickle([0x4D, 0xE9, 0x03]), TinyPickle(dictionary("little_endian", [0x88])),
      TinyPickle(object), TinyPickle(keys),
    ]
    return head.flatMap(\.ended) + storages.flatMap { number(UInt64($0.count), 8) + $0.bytes }
  }

  /// An archive around an object, with storages as they are given.
  static func zipFile(_ object: [UInt8], storages: [(key: String, bytes: [UInt8])] = []) -> [UInt8] {
    var zip = TinyZip()
    zip.add("x/data.pkl", TinyPickle(object).ended)
    for (key, bytes) in storages { zip.add("x/data/\(key)", bytes) }
    return zip.ended
  }
}
