import Compute
import Datasets
import Testing

@Suite struct RandomResizedCropTests {
  private func windows(_ crop: RandomResizedCrop, _ size: ImageSize, count: Int) -> [ImageWindow] {
    (0..<count).map {
      var random = RandomStream(RandomKey(21).appending($0))
      return crop.window(in: size, drawing: &random)
    }
  }

  @Test func windowsLieInsideAndCoverTheRanges() {
    let size = ImageSize(width: 500, height: 375)
    let windows = windows(RandomResizedCrop(size: ImageSize(side: 224)), size, count: 4000)
    var shares: [Double] = [], ratios: [Double] = []
    for window in windows {
      #expect(window.top >= 0 && window.left >= 0)
      #expect(window.top + window.size.height <= 375 && window.left + window.size.width <= 500)
      shares.append(Double(window.size.width * window.size.height) / (500 * 375))
      ratios.append(Double(window.size.width) / Double(window.size.height))
    }
    #expect(shares.min()! > 0.078 && shares.min()! < 0.09 && shares.max()! > 0.9)
    #expect(ratios.min()! > 0.74 && ratios.min()! < 0.76 && ratios.max()! > 1.32 && ratios.max()! < 1.35)
    // torchvision's `RandomResizedCrop.get_params` over 100,000 draws: mean share 0.4338, mean ratio 1.0452.
    #expect(abs(shares.reduce(0, +) / 4000 - 0.4338) < 0.02)
    #expect(abs(ratios.reduce(0, +) / 4000 - 1.0452) < 0.02)
  }

  /// Where no window fits in ten tries the largest centred one of allowed proportions is taken.
  @Test func fallback() {
    let crop = RandomResizedCrop(size: ImageSize(side: 8))
    #expect(
      windows(crop, ImageSize(width: 1000, height: 3), count: 200).contains(
        ImageWindow(top: 0, left: 498, size: ImageSize(width: 4, height: 3))))
    #expect(
      windows(crop, ImageSize(width: 9, height: 4000), count: 1)
        == [ImageWindow(top: 1994, left: 0, size: ImageSize(width: 9, height: 12))])
  }

  /// Scaling a window must look at nothing outside of it: as if it had been cut out first.
  @Test func windowIsScaledAsIfCutOut() throws {
    let image = Pictures.corner(width: 150, height: 97)
    let crop = RandomResizedCrop(size: ImageSize(side: 40))
    for draw in 0..<20 {
      var random = RandomStream(RandomKey(5).appending(draw))
      let window = crop.window(in: image.size, drawing: &random)
      var pixels: [UInt8] = []
      for row in 0..<window.size.height {
        for column in 0..<window.size.width {
          for channel in 0..<3 { pixels.append(image[window.top + row, window.left + column, channel]) }
        }
      }
      let cut = Image(width: window.size.width, height: window.size.height, channels: 3, pixels: pixels)
      var result = image
      var again = RandomStream(RandomKey(5).appending(draw))
      crop.apply(to: &result, drawing: &again)
      #expect(result == cut.resized(to: ImageSize(side: 40)))
    }
  }
}
