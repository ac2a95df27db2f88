import Communication
import Testing

@Suite struct ChannelFrameTests {
  @Test func framesComeApartAsTheyWerePutTogether() throws {
    let frames = [
      ChannelFrame(.failure, code: -65, "rank 2 (node07): Größe"), ChannelFrame(.goodbye), ChannelFrame(.answer, "x"),
    ]
    var buffer: [UInt8] = [], found: [ChannelFrame] = []
    // Byte by byte, as a slow link might bring them.
    for byte in frames.flatMap(\.bytes) {
      buffer.append(byte)
      while let frame = try ChannelFrame(from: &buffer) { found.append(frame) }
    }
    #expect(found == frames && buffer.isEmpty)
  }

  @Test func bytesThatAreNoMessageAreRefused() {
    var stranger = Array("GET / HTTP/1.1\r\n\r\n".utf8)
    #expect(throws: ChannelGarbage.self) { try ChannelFrame(from: &stranger) }
    var huge = ChannelFrame(.hello).bytes
    huge.replaceSubrange(8..<12, with: [255, 255, 255, 255])
    #expect(throws: ChannelGarbage.self, "a length beyond all messages takes no memory") {
      try ChannelFrame(from: &huge)
    }
  }
}
