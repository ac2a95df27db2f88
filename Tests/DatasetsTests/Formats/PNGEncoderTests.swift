import Compute
import Datasets
import Testing

@Suite struct PNGEncoderTests {
  @Test(arguments: [(1, 1, 1), (1, 1, 3), (7, 3, 1), (640, 480, 3)])
  func comesBackUnchanged(width: Int, height: Int, channels: Int) throws {
    // Noise, which deflate makes larger, tries the bound on the output.
    var random = RandomStream(RandomKey(1))
    let pixels = (0..<(width * height * channels)).map { _ in UInt8(truncatingIfNeeded: random.word()) }
    let image = Image(width: width, height: height, channels: channels, pixels: pixels)
    #expect(try PNGDecoder.decode(PNGEncoder.encode(image)) == image)
  }
}
