import Safetensors

/// Zip archives by hand, with whatever lies in their directory a test wants.
struct TinyZip {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0
  /// Writes the 64-bit end of the directory too.
  var is64 = false

  /// Adds an entry.
  /// - Parameters:
  ///   - offset: where the directory says that it begins.
  ///   - claimed: its size as the directory has it.
  mutating func add(
    _ name: String, _ content: [UInt8], at offset: Int? = nil, claimed: Int? = nil, checksum: UInt32? = nil,
    method: Int = 0, flags: Int = 0
  ) {
    func number(_ value: Int, _ width: Int) -> [UInt8] { TinyPickle.number(UInt64(value), width) }
    let place = bytes.count, size = claimed ?? content.count, sum = Int(checksum ?? Checksum.crc32(content))
    let common = number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4) + number(sum, 4)
    bytes += [0x50, 0x4B, 3, 4] + common + number(content.count, 4) + number(size, 4)
    bytes += number(name.utf8.count, 2) + number(0, 2) + Array(name.utf8) + content
    let stored = claimed.map { method == 0 ? $0 : content.count } ?? content.count
    directory += [0x50, 0x4B, 1, 2] + number(20, 2) + common
    directory += is64
      ? number(0xFFFF_FFFF, 4) + number(0xFFFF_FFFF, 4) + number(name.utf8.count, 2) + number(28, 2)
      : number(stored, 4) + number(size, 4) + number(name.utf8.count, 2) + number(0, 2)
    directory += number(0, 10) + number(is64 ? 0xFFFF_FFFF : offset ?? place, 4) + Array(name.utf8)
    if is64 { directory += number(1, 2) + number(24, 2) + number(size, 8) + number(stored, 8) + number(place, 8) }
    count += 1
  }

  /// The archive.
  var ended: [UInt8] {
    func number(_ value: Int, _ width: Int) -> [UInt8] { TinyPickle.number(UInt64(value), width) }
    var result = bytes + directory
    if is64 {
      let record = result.count
      result += [0x50, 0x4B, 6, 6] + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8)
      result += number(count, 8) + number(count, 8) + number(directory.count, 8) + number(bytes.count, 8)
      result += [0x50, 0x4B, 6, 7] + number(0, 4) + number(record, 8) + number(1, 4)
      return result + [0x50, 0x4B, 5, 6] + number(0, 4) + [UInt8](repeating: 0xFF, count: 12) + number(0, 2)
    }
    result += [0x50, 0x4B, 5, 6] + number(0, 4) + number(count, 2) + number(count, 2)
    return result + number(directory.count, 4) + number(bytes.count, 4) + number(0, 2)
  }
}
