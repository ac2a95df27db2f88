import Compute
import Datasets
import Testing

@Suite struct CropTests {
  private func cropped(_ image: Image, _ transform: some Transform, draw: Int = 0) throws -> Image {
    var image = image
    var random = RandomStream(RandomKey(8).appending(draw))
    try transform.apply(to: &image, drawing: &random)
    return image
  }

  /// Every one of the 9 x 9 places comes, about equally often, and holds the right pixels.
  @Test(arguments: [1, 3]) func everyPlaceOfThePaddedPictureIsDrawn(channels: Int) throws {
    let colours = Pictures.corner(width: 12, height: 12)
    let image = channels == 3 ? colours : colours.grey
    let padded = { (row: Int, column: Int, channel: Int) -> UInt8 in
      let row = row - 4, column = column - 4
      guard (0..<12).contains(row) && (0..<12).contains(column) else { return 0 }
      return image[row, column, channel]
    }
    var places: [Image: (Int, Int)] = [:]
    for top in 0...8 {
      for left in 0...8 {
        var window = Image(
          width: 12, height: 12, channels: channels, pixels: [UInt8](repeating: 0, count: 144 * channels))
        for row in 0..<12 {
          for column in 0..<12 {
            for channel in 0..<channels { window[row, column, channel] = padded(row + top, column + left, channel) }
          }
        }
        places[window] = (top, left)
      }
    }
    var tally = [Int](repeating: 0, count: 81)
    for draw in 0..<8100 {
      let crop = try cropped(image, PadAndCrop(size: ImageSize(side: 12), padding: 4), draw: draw)
      let (top, left) = try #require(places[crop])
      tally[top * 9 + left] += 1
    }
    // 100 each, standard deviation 10.
    #expect(tally.min()! > 55 && tally.max()! < 150)
  }

  @Test func windowWiderThanThePictureButWithinThePadding() throws {
    let image = Image(width: 2, height: 1, channels: 1, pixels: [5, 6])
    let crop = try cropped(image, PadAndCrop(size: ImageSize(width: 4, height: 3), padding: 1))
    #expect(crop.pixels == [0, 0, 0, 0, 0, 5, 6, 0, 0, 0, 0, 0])
  }

  /// Half of an odd difference is rounded to even, as torchvision does: 7 - 4 -> 2, 5 - 4 -> 0.
  @Test func centre() throws {
    let image = Image(width: 7, height: 5, channels: 1, pixels: (0..<35).map { UInt8($0) })
    let crop = try cropped(image, CentreCrop(size: ImageSize(side: 4)))
    #expect(crop.pixels == [2, 3, 4, 5, 9, 10, 11, 12, 16, 17, 18, 19, 23, 24, 25, 26])
  }

  @Test func smallPicturesAreRefused() {
    let image = Image(width: 20, height: 40, channels: 1, pixels: [UInt8](repeating: 0, count: 800))
    #expect(throws: TransformError(operation: "centre_crop", found: image.size, wanted: "32x32 or more")) {
      _ = try cropped(image, CentreCrop(size: ImageSize(side: 32)))
    }
    do {
      _ = try cropped(image, PadAndCrop(size: ImageSize(side: 32), padding: 4))
      Issue.record("a picture of 28x48 with its padding holds no 32x32")
    } catch {
      #expect("\(error)" == "crop: the picture is 20x40, wanted 32x32 or more with 4 of padding")
    }
  }

  @Test func flipMirrorsHalfOfThePictures() throws {
    let image = Pictures.corner(width: 5, height: 3)
    var mirrored = image
    for row in 0..<3 {
      for column in 0..<5 {
        for channel in 0..<3 { mirrored[row, column, channel] = image[row, 4 - column, channel] }
      }
    }
    let results = try (0..<1000).map { try cropped(image, HorizontalFlip(), draw: $0) }
    let flipped = results.filter { $0 == mirrored }.count
    #expect(results.filter { $0 == image }.count + flipped == 1000)
    #expect((430...570).contains(flipped))
    #expect(try cropped(image.grey, HorizontalFlip(probability: 1)) == mirrored.grey)
    #expect(try cropped(image, HorizontalFlip(probability: 0)) == image)
  }
}
