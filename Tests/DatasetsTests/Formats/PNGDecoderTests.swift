import CZlib
import Datasets
import Testing

@Suite struct PNGDecoderTests {
  static let files: [(name: String, channels: Int, pixels: UInt64)] = [
    ("rgb.png", 3, 0x527D_DF42_4470_50EF),
    ("grey.png", 1, 0x649E_2FF6_8638_C3BD),
    ("grey_alpha.png", 1, 0x649E_2FF6_8638_C3BD),
    ("rgb_alpha.png", 3, 0x527D_DF42_4470_50EF),
    ("palette_2bit.png", 3, 0x8036_A60E_36D7_6DB3),
    ("palette_transparent.png", 3, 0xF65A_B341_88E2_30D3),
    ("one_bit.png", 1, 0x037A_53D3_65A4_5C87),
    ("gamma_linear.png", 3, 0x527D_DF42_4470_50EF),
    ("rgb_16bit.png", 3, 0x527D_DF42_4470_50EF),
    ("grey_16bit.png", 1, 0x6F59_077F_D54C_8E85),
  ]

  @Test(arguments: files)
  func pixelsEqualPillows(file: String, channels: Int, pixels: UInt64) throws {
    let image = try PNGDecoder.decode(Fixture.bytes(file))
    #expect(image.width == 37 && image.height == 24 && image.channels == channels)
    #expect(checksum(image.pixels) == pixels)
  }

  @Test func refusesTruncation() throws {
    let file = try Fixture.bytes("rgb_16bit.png")
    for count in [0, 7, 8, 20, 33, 40, 500, file.count - 20] {
      #expect(throws: FormatError.self) { try PNGDecoder.decode(Array(file.prefix(count))) }
    }
  }

  @Test func refusesSizesThatTheFileCannotHold() throws {
    var file = try Fixture.bytes("rgb.png")
    file.replaceSubrange(16..<24, with: [0, 0, 0x20, 0, 0, 0, 0x20, 0])  // 8192x8192
    repairPNGChecksums(&file)
    let error = #expect(throws: FormatError.self) { try PNGDecoder.decode(file) }
    #expect(error?.reason == "claims to be 8192x8192, which 214 bytes cannot hold")
    file.replaceSubrange(16..<24, with: [0, 1, 0, 0, 0, 1, 0, 0])
    repairPNGChecksums(&file)
    #expect(throws: FormatError("claims to be 65536x65536; pictures of 1 to 134217728 pixels are read")) {
      try PNGDecoder.decode(file)
    }
  }

  /// Half of the damaged copies get correct chunk checksums again, so that the damage reaches what lies behind them.
  @Test(arguments: files.map(\.name))
  func survivesDamage(file: String) throws {
    let whole = try Fixture.bytes(file)
    for number in 0..<400 {
      var copy = damaged(whole, number)
      if number % 2 == 0 { repairPNGChecksums(&copy) }
      do {
        let image = try PNGDecoder.decode(copy)
        #expect(image.pixels.count == image.width * image.height * image.channels)
      } catch {
        #expect(!error.reason.isEmpty)
      }
    }
  }
}

/// Gives every chunk the checksum that its bytes have.
func repairPNGChecksums(_ file: inout [UInt8]) {
  var chunk = 8
  while chunk + 12 <= file.count {
    let end = chunk + 8 + file[chunk..<(chunk + 4)].reduce(0) { $0 << 8 | Int($1) }
    guard end + 4 <= file.count else { return }
    let sum = file[(chunk + 4)..<end].withUnsafeBufferPointer { crc32(0, $0.baseAddress, uInt($0.count)) }
    for byte in 0..<4 { file[end + byte] = UInt8(truncatingIfNeeded: sum >> UInt(24 - 8 * byte)) }
    chunk = end + 4
  }
}
