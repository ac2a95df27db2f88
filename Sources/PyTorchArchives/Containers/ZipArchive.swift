import Safetensors

/// A zip archive (PKWARE APPNOTE 6.3, with its 64-bit fields), read by its directory.
///
/// Read here and not by a library: files of `torch.save` are stored or deflated and nothing else, some have no
/// checksums, which libraries refuse, and what must not be believed (overlapping entries, sizes that nothing backs,
/// names that lead elsewhere) is refused in sentences. Names are keys only: nothing is ever unpacked to a path.
struct ZipArchive: Sendable {
  struct Entry: Hashable, Sendable {
    let name: String
    let headerOffset: Int
    let storedBytes: Int
    let byteCount: Int
    /// 0 where the writer computed none.
    let checksum: UInt32
    let isDeflated: Bool
    /// Where what follows begins.
    var limit = 0
  }

  /// The bytes that each file begins with.
  static let magic: [UInt8] = [0x50, 0x4B, 0x03, 0x04]
  /// Deflate makes at most so many bytes of one.
  private static let largestRatio = 1032
  private static let mostEntries = 1 << 20
  private static let largestDirectoryBytes = 256 << 20

  let entries: [String: Entry]
  private let file: ReadableFile

  /// Reads the directory.
  /// - Throws: `Refusal`.
  init(_ file: ReadableFile) throws(Refusal) {
    self.file = file
    let directory = try Self.directory(file)
    let bytes = try file.part(directory.range)
    var entries: [Entry] = [], position = 0
    for _ in 0..<directory.count {
      entries.append(try Self.entry(bytes, &position, before: directory.range.lowerBound))
    }
    entries.sort { $0.headerOffset < $1.headerOffset }
    for place in entries.indices {
      entries[place].limit = place + 1 < entries.count ? entries[place + 1].headerOffset : directory.range.lowerBound
      let entry = entries[place]
      guard entry.headerOffset + Self.headerBytes + entry.name.utf8.count + entry.storedBytes <= entry.limit else {
        throw Refusal("the zip archive's entry '\(entry.name)' overlaps what follows it")
      }
    }
    var named: [String: Entry] = [:]
    for entry in entries {
      guard named.updateValue(entry, forKey: entry.name) == nil else {
        throw Refusal("the zip archive has '\(entry.name)' twice")
      }
    }
    self.entries = named
  }

  /// A part of an entry's contents; of the whole the checksum is verified.
  func bytes(_ range: Range<Int>, of entry: Entry) throws(Refusal) -> [UInt8] {
    let start = try dataStart(entry)
    let bytes: [UInt8]
    if entry.isDeflated {
      bytes = try Inflation.bytes(range, of: file, start..<start + entry.storedBytes, name: entry.name)
    } else {
      bytes = try file.part(start + range.lowerBound..<start + range.upperBound)
    }
    if range.count == entry.byteCount, entry.checksum != 0, Checksum.crc32(bytes) != entry.checksum {
      throw Refusal("'\(entry.name)' has changed since it was written: its checksum is wrong")
    }
    return bytes
  }

  /// Where the contents begin, behind the entry's own header, which repeats the name.
  private func dataStart(_ entry: Entry) throws(Refusal) -> Int {
    let header = try file.part(entry.headerOffset..<entry.headerOffset + Self.headerBytes)
    let nameBytes = Int(header.number(at: 26, bytes: 2))
    let start = entry.headerOffset + Self.headerBytes + nameBytes + Int(header.number(at: 28, bytes: 2))
    guard header.starts(with: Self.magic), nameBytes == entry.name.utf8.count, start + entry.storedBytes <= entry.limit
    else {
      throw Refusal("the zip archive is damaged: '\(entry.name)' is not where its directory says")
    }
    return start
  }
}

// The numbers below are places of fields in the records, which are packed and little-endian.
extension ZipArchive {
  private static let headerBytes = 30
  private static let endBytes = 22
  private static let absent64: UInt64 = 0xFFFF_FFFF

  /// Where the directory lies and how many entries it has: from the record at the file's end, or the 64-bit one that
  /// it points to.
  private static func directory(_ file: ReadableFile) throws(Refusal) -> (range: Range<Int>, count: Int) {
    // The end record may be followed by a comment of at most 65,535 bytes.
    let tailStart = max(0, file.byteCount - endBytes - 0xFFFF), tail = try file.part(tailStart..<file.byteCount)
    let end = (0...max(0, tail.count - endBytes)).reversed().first { place in
      place + endBytes <= tail.count && tail[place...].starts(with: [0x50, 0x4B, 0x05, 0x06])
        && place + endBytes + Int(tail.number(at: place + 20, bytes: 2)) == tail.count
    }
    guard let end else { throw Refusal("the zip archive ends early: its directory is missing (a download cut short?)") }
    var count = tail.number(at: end + 10, bytes: 2)
    var size = tail.number(at: end + 12, bytes: 4), offset = tail.number(at: end + 16, bytes: 4)
    if count == 0xFFFF || size == absent64 || offset == absent64 {
      guard end >= 20, tail[(end - 20)...].starts(with: [0x50, 0x4B, 0x06, 0x07]) else {
        throw Refusal("the zip archive is damaged: it lacks the place of its 64-bit directory")
      }
      let place = tail.number(at: end - 12, bytes: 8)
      guard file.byteCount >= 56, place <= UInt64(file.byteCount - 56) else {
        throw Refusal("the zip archive is damaged: its 64-bit directory lies outside of it")
      }
      let record = try file.part(Int(place)..<Int(place) + 56)
      guard record.starts(with: [0x50, 0x4B, 0x06, 0x06]) else {
        throw Refusal("the zip archive is damaged: its 64-bit directory is not where it should be")
      }
      count = record.number(at: 32, bytes: 8)
      size = record.number(at: 40, bytes: 8)
      offset = record.number(at: 48, bytes: 8)
    }
    let length = UInt64(tailStart + end)
    guard offset <= length, size <= min(length - offset, UInt64(largestDirectoryBytes)),
      count <= min(size / 46, UInt64(mostEntries))
    else {
      throw Refusal(
        "the zip archive is damaged: a directory of \(count) entries in \(size) bytes at \(offset) is not within its "
          + "\(file.byteCount) bytes")
    }
    return (Int(offset)..<Int(offset + size), Int(count))
  }

  private static func entry(_ bytes: [UInt8], _ position: inout Int, before end: Int) throws(Refusal) -> Entry {
    let damaged = Refusal("the zip archive is damaged: its directory ends early")
    let at = position
    guard bytes.count - at >= 46, bytes[at...].starts(with: [0x50, 0x4B, 0x01, 0x02]) else { throw damaged }
    let nameBytes = Int(bytes.number(at: at + 28, bytes: 2)), extraBytes = Int(bytes.number(at: at + 30, bytes: 2))
    let extra = at + 46 + nameBytes
    position = extra + extraBytes + Int(bytes.number(at: at + 32, bytes: 2))
    guard position <= bytes.count else { throw damaged }
    let name = try checkedName(bytes[(at + 46)..<extra])
    guard bytes[at + 8] & 1 == 0 else { throw Refusal("the zip archive's entry '\(name)' is encrypted") }
    let method = bytes.number(at: at + 10, bytes: 2)
    guard method == 0 || method == 8 else {
      throw Refusal("the zip archive's entry '\(name)' is packed by method \(method); stored and deflated are read")
    }
    var sizes = [24, 20, 42].map { bytes.number(at: at + $0, bytes: 4) }  // contents, stored, place of the header
    try widen(&sizes, by: bytes[extra..<extra + extraBytes])
    let (byteCount, storedBytes, headerOffset) = (sizes[0], sizes[1], sizes[2])
    guard headerOffset < UInt64(end), storedBytes <= UInt64(end),
      method == 8 ? byteCount <= storedBytes * UInt64(largestRatio) : byteCount == storedBytes
    else {
      throw Refusal(
        "the zip archive's entry '\(name)' says that it has \(byteCount) bytes, stored in \(storedBytes) at "
          + "\(headerOffset); the archive cannot hold them")
    }
    return Entry(
      name: name, headerOffset: Int(headerOffset), storedBytes: Int(storedBytes), byteCount: Int(byteCount),
      checksum: UInt32(bytes.number(at: at + 16, bytes: 4)), isDeflated: method == 8)
  }

  /// Replaces the 32-bit fields that say "see the 64-bit one", in their order.
  private static func widen(_ sizes: inout [UInt64], by extra: ArraySlice<UInt8>) throws(Refusal) {
    let missing = sizes.indices.filter { sizes[$0] == absent64 }
    guard !missing.isEmpty else { return }
    let bytes = Array(extra)
    var position = 0
    while position + 4 <= bytes.count {
      let kind = bytes.number(at: position, bytes: 2), length = Int(bytes.number(at: position + 2, bytes: 2))
      position += 4
      if kind == 1 {
        guard length >= 8 * missing.count, position + length <= bytes.count else { break }
        for (place, size) in missing.enumerated() { sizes[size] = bytes.number(at: position + 8 * place, bytes: 8) }
        return
      }
      position += length
    }
    throw Refusal("the zip archive is damaged: an entry lacks its 64-bit sizes")
  }

  private static func checkedName(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> String {
    guard let name = String(validating: bytes, as: UTF8.self) else {
      throw Refusal("the zip archive has an entry whose name is not UTF-8")
    }
    let leadsOut = name.hasPrefix("/") || name.contains("\\") || name.split(separator: "/").contains("..")
    guard !leadsOut, !name.isEmpty, !name.contains("\0") else {
      throw Refusal("the zip archive has the entry '\(name)', a name that torch.save does not write")
    }
    return name
  }
}
