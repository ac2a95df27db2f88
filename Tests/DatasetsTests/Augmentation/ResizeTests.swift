import Compute
import Datasets
import Testing

@Suite struct ResizeTests {
  private func size(_ transform: some Transform, _ width: Int, _ height: Int) throws -> ImageSize {
    var image = Image(width: width, height: height, channels: 1, pixels: [UInt8](repeating: 9, count: width * height))
    var random = RandomStream(RandomKey(1))
    try transform.apply(to: &image, drawing: &random)
    #expect(image.pixels.allSatisfy { $0 == 9 })
    return image.size
  }

  /// Sizes as `torchvision.transforms.Resize(256)` gives them: the longer side is rounded down.
  @Test func shorterSide() throws {
    #expect(try size(ResizeShorterSide(side: 256), 500, 375) == ImageSize(width: 341, height: 256))
    #expect(try size(ResizeShorterSide(side: 256), 375, 500) == ImageSize(width: 256, height: 341))
    #expect(try size(ResizeShorterSide(side: 256), 100, 100) == ImageSize(width: 256, height: 256))
    #expect(try size(ResizeShorterSide(side: 256), 256, 300) == ImageSize(width: 256, height: 300))
    #expect(try size(ResizeShorterSide(side: 16), 1, 40) == ImageSize(width: 16, height: 640))
  }

  @Test func fixedSize() throws {
    let size = ImageSize(width: 30, height: 20)
    #expect(try self.size(Resize(size: size), 100, 7) == size)
  }

  @Test func decodersMayScaleToTwiceTheTarget() {
    #expect(ResizeShorterSide(side: 256).minimumSide == 512)
    #expect(CentreCrop(size: ImageSize(side: 32)).minimumSide == nil)
    // 224 / sqrt(0.08 * 0.75)
    #expect(RandomResizedCrop(size: ImageSize(side: 224)).minimumSide == 915)
  }
}
