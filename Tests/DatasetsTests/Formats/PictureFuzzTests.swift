import CZlib
import Datasets
import Foundation
import Support
import Testing

/// Whatever the bytes are, the answer is a picture of the size that it says, or a `FormatError`.
@Suite struct PictureFuzzTests {
  @Test func `Ten thousand damaged JPEG files give a picture or a sentence`() throws {
    let names = ["baseline_420", "baseline_444", "cmyk", "exif_orientation_6", "grey", "progressive"]
    let tally = try fuzz(
      Mutator("JPEG", seeds: try names.map { try Fixture.bytes("\($0).jpg") }), refusal: FormatError.self
    ) { bytes, number in
      try Self.expectWhole(try ImageFile.decode(bytes, minimumSide: [nil, 8, 1][number % 3]))
    }
    #expect(tally.refused > 5_000 && tally.accepted > 100, "\(tally)")
  }

  /// Damage to the Exif segment alone: it turns the picture or does not, and never spoils it.
  @Test func `Ten thousand damaged Exif segments leave the picture whole`() throws {
    let file = try Fixture.bytes("exif_orientation_6.jpg")
    // FF E1, the length, `Exif 0 0`, and then the block that the length counts.
    let start = try #require(file.indices.first { file[$0...].starts(with: [0xFF, 0xE1]) }) + 4
    let end = start - 2 + Int(file[start - 2]) << 8 + Int(file[start - 1])
    let upright = try ImageFile.decode(file).pixels.count
    let tally = try fuzz(
      Mutator("Exif", seeds: [Array(file[start..<end])]), refusal: FormatError.self
    ) { segment, number in
      let length = segment.count + 2
      let stated = [UInt8(length >> 8), UInt8(length & 0xFF)]
      let image = try ImageFile.decode(file[..<(start - 2)] + stated + segment + file[end...])
      try Self.expectWhole(image)
      #expect(image.pixels.count == upright, "mutation \(number)")
    }
    #expect(tally.refused == 0)
  }

  @Test func `Ten thousand damaged PNG files give a picture or a sentence`() throws {
    let tally = try fuzz(
      Mutator("PNG", seeds: try PNGDecoderTests.files.map { try Fixture.bytes($0.name) }), refusal: FormatError.self
    ) { bytes, number in
      var bytes = bytes
      // Three of four get correct checksums again, so that the damage reaches what lies behind them.
      if number % 4 > 0 { repairPNGChecksums(&bytes) }
      try Self.expectWhole(try ImageFile.decode(bytes))
    }
    #expect(tally.refused > 5_000 && tally.accepted > 100, "\(tally)")
  }

  /// Hostile pictures: a few bytes that ask for all of a machine's memory or time.
  @Test func `Pictures that claim to be huge are refused before memory is taken`() throws {
    var png = try Fixture.bytes("rgb.png")
    png.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])  // 60000x60000
    repairPNGChecksums(&png)
    for name in ["baseline_444", "progressive"] {
      for (side, reason) in [
        (60_000, "claims to be 60000x60000; pictures of 1 to 134217728 pixels are read"),
        (11_000, "claims to be 11000x11000, which"),
      ] {
        let file = try resized(Fixture.bytes("\(name).jpg"), side)
        let error = #expect(throws: FormatError.self) { try ImageFile.decode(file) }
        #expect(error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "accepted")")
      }
    }
    #expect(throws: FormatError("claims to be 60000x60000; pictures of 1 to 134217728 pixels are read")) {
      try ImageFile.decode(png)
    }
  }

  private static func expectWhole(_ image: Image) throws {
    guard image.width > 0, image.height > 0, [1, 3].contains(image.channels),
      image.pixels.count == image.width * image.height * image.channels
    else { throw FuzzFailure(description: "\(image.pixels.count) bytes for \(image.width)x\(image.height)") }
  }

  /// The JPEG with another size in its frame header: FF C0 or C2, length, precision, height, width.
  private func resized(_ file: [UInt8], _ side: Int) throws -> [UInt8] {
    let frame = try #require(
      file.indices.first { file[$0...].starts(with: [0xFF, 0xC0]) || file[$0...].starts(with: [0xFF, 0xC2]) })
    var file = file
    for place in [frame + 5, frame + 7] {
      file[place] = UInt8(side >> 8)
      file[place + 1] = UInt8(side & 0xFF)
    }
    return file
  }
}
