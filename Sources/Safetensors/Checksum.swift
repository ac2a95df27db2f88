import CZlib

/// A running CRC-32 (ISO 3309, as in zip and gzip) of bytes as they come.
public struct Checksum: Hashable, Sendable {
  /// The checksum of what has been added so far.
  public private(set) var value: UInt32 = 0

  public init() {}

  /// Adds bytes.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    // A null pointer means "begin" to zlib.
    guard let start = bytes.baseAddress else { return }
    value = UInt32(crc32_z(UInt(value), start.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// The CRC-32 of bytes in memory.
  public static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var checksum = Checksum()
    Array(bytes).withUnsafeBytes { checksum.add($0) }
    return checksum.value
  }

  /// The CRC-32 of a whole file.
  /// - Throws: `SafetensorsError` when it cannot be read.
  public static func crc32(ofFile path: String) throws(SafetensorsError) -> UInt32 {
    let file = try ReadableFile(path: path)
    var checksum = Checksum()
    for start in stride(from: 0, to: file.byteCount, by: 1 << 20) {
      try file.bytes(start..<min(start + 1 << 20, file.byteCount)).withUnsafeBytes { checksum.add($0) }
    }
    return checksum.value
  }
}
