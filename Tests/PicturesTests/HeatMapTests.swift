import Pictures
import Testing

/// Numbers of a grid land on the places of the picture that they belong to.
@Suite struct HeatMapTests {
  private let map = HeatMap(rows: 2, columns: 3, values: [0, 1, 2, 10, 11, 12])

  @Test func `Centres of cells keep their numbers, between them it is linear`() {
    #expect(map.value(x: 1.0 / 6, y: 0.25) == 0 && map.value(x: 5.0 / 6, y: 0.75) == 12)
    #expect(abs(map.value(x: 0.5, y: 0.5) - 6) < 1e-5)
    #expect(abs(map.value(x: 1.0 / 3, y: 0.25) - 0.5) < 1e-5)
    #expect(map.value(x: 0, y: 0) == 0 && map.value(x: 1, y: 1) == 12, "the border is the outer centres'")
  }

  @Test func `The range leaves out what is not finite`() {
    #expect(HeatMap(rows: 1, columns: 4, values: [.nan, 3, -.infinity, 5]).range == 3...5)
    #expect(HeatMap(rows: 1, columns: 1, values: [.nan]).range == nil)
  }

  @Test func `An overlay mixes colour and brightness`() {
    let picture = PixelImage(width: 2, height: 1, pixels: [0, 0, 0, 255, 255, 255])
    let steep = HeatMap(rows: 1, columns: 2, values: [0, 4])
    let image = steep.overlaid(on: picture, width: 2, height: 1, opacity: 0.5)
    // Half of #440154 over black, half of #fde725 over half of white.
    #expect(image.rgb == [34, 1, 42, 254, 243, 146])
    let flat = HeatMap(rows: 1, columns: 1, values: [7]).overlaid(on: picture, width: 1, height: 1, opacity: 1)
    let middle = ColorMap.color(0.5)
    #expect(flat.rgb[0] == UInt8((255 * middle.red).rounded()))
    let fixed = steep.overlaid(on: picture, width: 2, height: 1, range: 0...8, opacity: 1)
    #expect(fixed.rgb[3] == UInt8((255 * middle.red).rounded()), "4 of 0 to 8 is the middle")
  }

  @Test func `Odd numbers are drawn without trouble`() {
    let picture = PixelImage(width: 1, height: 3, channels: 1, pixels: [1, 2, 3])
    for values: [Float] in [[.nan, .infinity], [-.infinity, 1e38], [-3e38, 3e38], [0, 0]] {
      let image = HeatMap(rows: 2, columns: 1, values: values).overlaid(on: picture, width: 5, height: 7)
      #expect(image.width == 5 && image.height == 7)
    }
  }
}
