/// The checksum of event files: CRC-32 with Castagnoli's polynomial (RFC 3720, section 12.1), reflected.
package enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { remainder, _ in remainder >> 1 ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
  }

  /// The plain checksum.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
  }

  /// The checksum as records carry it: turned and shifted, because the checksum of bytes that hold their own checksum
  /// would be the same for all (TFRecord's framing).
  package static func masked(_ bytes: [UInt8]) -> UInt32 {
    let plain = checksum(bytes)
    return (plain >> 15 | plain << 17) &+ 0xA282_EAD8
  }
}
