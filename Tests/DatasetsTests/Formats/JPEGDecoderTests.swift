import Datasets
import Testing

@Suite struct JPEGDecoderTests {
  @Test(arguments: [
    ("baseline_444.jpg", 3, 0xD4EC_1CE3_CE06_AB6C),
    ("baseline_420.jpg", 3, 0x7505_9A7F_5A95_B825),
    ("progressive.jpg", 3, 0x7505_9A7F_5A95_B825),
    ("grey.jpg", 1, 0xEB71_F8BA_C07A_3A8E),
    ("cmyk.jpg", 3, 0x0928_D70C_FC0E_1FD1),
  ] as [(String, Int, UInt64)])
  func pixelsEqualPillows(file: String, channels: Int, pixels: UInt64) throws {
    let image = try JPEGDecoder.decode(Fixture.bytes(file))
    #expect(image.width == 37 && image.height == 24 && image.channels == channels)
    #expect(checksum(image.pixels) == pixels)
  }

  /// The tag's eight values, each way of turning once, and two illegal ones that count as 1.
  @Test(arguments: [
    (0, 0xC99F_F71E_6BD7_A05A), (1, 0xC99F_F71E_6BD7_A05A), (2, 0x0198_9C81_2119_EAB6), (3, 0x24A5_FA36_2436_D004),
    (4, 0x1ACE_17A8_14E2_8B68), (5, 0x75C0_AFAC_B57D_DEBE), (6, 0x18A0_CC8A_91AD_F990), (7, 0x72FC_E925_E9B8_4890),
    (8, 0xD5C1_BEB1_B833_E51E), (9, 0xC99F_F71E_6BD7_A05A),
  ] as [(UInt8, UInt64)])
  func standsUpright(orientation: UInt8, pixels: UInt64) throws {
    var file = try Fixture.bytes("exif_orientation_6.jpg")
    // The entry is tag 0112, type 0003, count 00000001, value 0006, big-endian.
    let entry: [UInt8] = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]
    let place = try #require(file.indices.first { file[$0...].starts(with: entry) })
    file[place + 9] = orientation
    let image = try JPEGDecoder.decode(file)
    #expect(image.width == ((5...8).contains(orientation) ? 24 : 37))
    #expect(image.height == ((5...8).contains(orientation) ? 37 : 24))
    #expect(checksum(image.pixels) == pixels)
  }

  @Test(arguments: [
    (nil, 160, 120, 0x1BD8_BF1C_C35D_F977), (500, 160, 120, 0x1BD8_BF1C_C35D_F977),
    (61, 160, 120, 0x1BD8_BF1C_C35D_F977), (60, 80, 60, 0xD56E_AC19_5E63_4808), (31, 80, 60, 0xD56E_AC19_5E63_4808),
    (30, 40, 30, 0x5920_A7A5_924F_C294), (15, 20, 15, 0xB525_56B4_E004_69CF), (1, 20, 15, 0xB525_56B4_E004_69CF),
  ] as [(Int?, Int, Int, UInt64)])
  func decodesNoLargerThanNeeded(minimumSide: Int?, width: Int, height: Int, pixels: UInt64) throws {
    let image = try JPEGDecoder.decode(Fixture.bytes("wide_160x120.jpg"), minimumSide: minimumSide)
    #expect(image.width == width && image.height == height)
    #expect(checksum(image.pixels) == pixels)
  }

  @Test func refusesTruncation() throws {
    let file = try Fixture.bytes("wide_160x120.jpg")
    #expect(throws: FormatError("is a damaged JPEG: Premature end of JPEG file")) {
      try JPEGDecoder.decode(Array(file.prefix(file.count / 2)))
    }
    #expect(throws: FormatError.self) { try JPEGDecoder.decode(Array(file.prefix(3))) }
    #expect(throws: FormatError.self) { try JPEGDecoder.decode([]) }
  }

  @Test func letsStrayBytesPass() throws {
    let file = try Fixture.bytes("baseline_444.jpg")
    let withStrayBytes = Array(file.dropLast(2)) + [1, 2, 3, 4] + Array(file.suffix(2))
    #expect(try JPEGDecoder.decode(withStrayBytes) == JPEGDecoder.decode(file))
    #expect(throws: FormatError.self) { try JPEGDecoder.decode(Array(withStrayBytes.dropLast(2))) }
  }

  @Test func refusesAbsurdSizes() throws {
    var file = try Fixture.bytes("baseline_444.jpg")
    // The frame header: FF C0, length 17, precision 8, then height and width.
    let frame = try #require(file.indices.first { file[$0...].starts(with: [0xFF, 0xC0, 0, 17, 8]) })
    file.replaceSubrange((frame + 5)..<(frame + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = #expect(throws: FormatError.self) { try JPEGDecoder.decode(file) }
    #expect(error?.reason == "claims to be 65500x65500; pictures of 1 to 134217728 pixels are read")
  }

  @Test(arguments: ["baseline_420.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg", "exif_orientation_6.jpg"])
  func survivesDamage(file: String) throws {
    let whole = try Fixture.bytes(file)
    var refused = 0
    for number in 0..<400 {
      do {
        let image = try JPEGDecoder.decode(damaged(whole, number), minimumSide: number % 2 == 0 ? nil : 8)
        #expect(image.pixels.count == image.width * image.height * image.channels)
      } catch {
        #expect(!error.reason.isEmpty)
        refused += 1
      }
    }
    #expect(refused >= 133, "every third copy is cut short, yet only \(refused) were refused")
  }
}
