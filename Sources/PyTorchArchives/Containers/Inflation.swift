import CZlib
import Safetensors

/// Unpacks deflated bytes (RFC 1951) out of a file, piece by piece.
enum Inflation {
  /// A whole entry is unpacked up to the part that is wanted; this much and no more.
  static let mostBytes = 4 << 30

  /// The bytes of `range` of what `packed` unpacks to.
  /// - Throws: `Refusal` when the data are damaged or end early.
  static func bytes(
    _ range: Range<Int>, of file: ReadableFile, _ packed: Range<Int>, name: String
  ) throws(Refusal) -> [UInt8] {
    guard range.upperBound <= mostBytes else {
      throw Refusal("'\(name)' unpacks to more than \(mostBytes) bytes")
    }
    var stream = z_stream()
    // Negative: no header and no checksum of zlib's own around the data.
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw Refusal("there is no memory to unpack '\(name)'")
    }
    defer { inflateEnd(&stream) }
    var wanted: [UInt8] = [], unpacked = 0, next = packed.lowerBound, input: [UInt8] = [], consumed = 0
    var status = Z_OK
    while unpacked < range.upperBound && status != Z_STREAM_END {
      if consumed == input.count && next < packed.upperBound {
        input = try file.part(next..<min(next + pieceBytes, packed.upperBound))
        next += input.count
        consumed = 0
      }
      let output = step(&stream, input, &consumed, &status)
      guard status == Z_OK || status == Z_STREAM_END else {
        throw Refusal("'\(name)' is damaged, or ends early, after \(unpacked) unpacked bytes")
      }
      let part = range.clamped(to: unpacked..<unpacked + output.count)
      if !part.isEmpty { wanted += output[part.lowerBound - unpacked..<part.upperBound - unpacked] }
      unpacked += output.count
    }
    guard unpacked >= range.upperBound else {
      throw Refusal("'\(name)' unpacks to \(unpacked) bytes, its directory says more")
    }
    return wanted
  }

  private static let pieceBytes = 1 << 18

  /// One call of inflate into a fresh block.
  private static func step(
    _ stream: inout z_stream, _ input: [UInt8], _ consumed: inout Int, _ status: inout CInt
  ) -> [UInt8] {
    let available = input.count - consumed
    var result = Z_OK
    let output = [UInt8](unsafeUninitializedCapacity: pieceBytes) { block, count in
      input.withUnsafeBufferPointer { input in
        stream.next_in = input.baseAddress.map { UnsafeMutablePointer(mutating: $0 + consumed) }
        stream.avail_in = uInt(available)
        stream.next_out = block.baseAddress
        stream.avail_out = uInt(pieceBytes)
        result = inflate(&stream, Z_NO_FLUSH)
      }
      count = pieceBytes - Int(stream.avail_out)
    }
    consumed += available - Int(stream.avail_in)
    status = result
    return output
  }
}
