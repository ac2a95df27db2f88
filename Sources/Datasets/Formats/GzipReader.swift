import CZlib

/// Unpacks gzip (RFC 1952), one member or several in a row.
public enum GzipReader {
  /// The two bytes that a gzip file begins with.
  public static let magic: [UInt8] = [0x1F, 0x8B]

  /// Unpacks a whole file.
  /// - Parameters:
  ///   - maximumBytes: where a bomb is stopped; unpacked data may not be larger.
  ///   - wanted: so many bytes suffice, and what follows them is not looked at.
  /// - Throws: `FormatError` when the file is not gzip, truncated, fails its checksum, or exceeds the bound.
  public static func decode(
    _ file: [UInt8], maximumBytes: Int = 1 << 31, first wanted: Int = .max
  ) throws(FormatError) -> [UInt8] {
    guard file.starts(with: magic) else { throw FormatError("is not gzip") }
    var stream = z_stream()
    // 15 = the largest window; 16 = a gzip header and checksum are required.
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw FormatError("no memory to unpack gzip")
    }
    defer { inflateEnd(&stream) }

    var unpacked: [UInt8] = []
    var consumed = 0
    while true {
      let (status, output) = step(&stream, file, from: &consumed)
      unpacked += output
      if unpacked.count >= wanted { return Array(unpacked.prefix(wanted)) }
      guard unpacked.count <= maximumBytes else { throw FormatError("unpacks to more than \(maximumBytes) bytes") }
      switch status {
      case Z_STREAM_END:
        // Zero bytes after the last member are padding; anything else must be another member.
        if file[consumed...].allSatisfy({ $0 == 0 }) { return unpacked }
        guard file[consumed...].starts(with: magic) else { throw FormatError("has other data after its gzip data") }
        inflateReset(&stream)
      case Z_OK: continue
      case Z_BUF_ERROR: throw FormatError("is truncated: gzip data end after \(unpacked.count) unpacked bytes")
      default:
        let detail = stream.msg.map { String(cString: $0) } ?? "error \(status)"
        throw FormatError("is damaged gzip after \(unpacked.count) unpacked bytes: \(detail)")
      }
    }
  }

  /// One call of inflate into a fresh block of at most 256 KiB, advancing `consumed`.
  private static func step(_ stream: inout z_stream, _ file: [UInt8], from consumed: inout Int) -> (CInt, [UInt8]) {
    let blockBytes = 1 << 18
    let available = min(file.count - consumed, 1 << 30)  // zlib counts in 32 bits.
    var status: CInt = Z_OK
    let output = [UInt8](unsafeUninitializedCapacity: blockBytes) { block, count in
      file.withUnsafeBufferPointer { input in
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress! + consumed)
        stream.avail_in = uInt(available)
        stream.next_out = block.baseAddress
        stream.avail_out = uInt(blockBytes)
        status = inflate(&stream, Z_NO_FLUSH)
      }
      count = blockBytes - Int(stream.avail_out)
    }
    consumed += available - Int(stream.avail_in)
    return (status, output)
  }
}
