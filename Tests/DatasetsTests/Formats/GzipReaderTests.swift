import Datasets
import Testing

@Suite struct GzipReaderTests {
  /// "attention " forty times, as gzip packs it.
  static let packed: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4B, 0x2C, 0x29, 0x49, 0xCD, 0x2B,
    0xC9, 0xCC, 0xCF, 0x53, 0x48, 0x1C, 0x65, 0x0D, 0x02, 0x16, 0x00, 0xA6, 0x17, 0x0F, 0x87, 0x90,
    0x01, 0x00, 0x00,
  ]
  static let text = Array(String(repeating: "attention ", count: 40).utf8)

  @Test func unpacks() throws {
    #expect(try GzipReader.decode(Self.packed) == Self.text)
    #expect(try GzipReader.decode(Self.packed + Self.packed) == Self.text + Self.text)
    #expect(try GzipReader.decode(Self.packed + [0, 0, 0]) == Self.text)
  }

  @Test func saysWhatIsWrong() {
    #expect(throws: FormatError("is not gzip")) { try GzipReader.decode([1, 2, 3]) }
    #expect(throws: FormatError("is not gzip")) { try GzipReader.decode([]) }
    #expect(throws: FormatError("is truncated: gzip data end after 400 unpacked bytes")) {
      try GzipReader.decode(Array(Self.packed.dropLast(4)))
    }
    #expect(throws: FormatError("unpacks to more than 399 bytes")) {
      try GzipReader.decode(Self.packed, maximumBytes: 399)
    }
    #expect(throws: FormatError("has other data after its gzip data")) { try GzipReader.decode(Self.packed + [7]) }
    var flipped = Self.packed
    flipped[flipped.count - 6] ^= 1
    #expect(throws: FormatError("is damaged gzip after 400 unpacked bytes: incorrect data check")) {
      try GzipReader.decode(flipped)
    }
  }

  @Test func survivesDamage() {
    for number in 0..<400 {
      // Bits that gzip ignores (its time stamp) may flip; then the text must be whole.
      if let unpacked = try? GzipReader.decode(damaged(Self.packed, number), maximumBytes: 1 << 20) {
        #expect(unpacked == Self.text)
      }
    }
  }
}
