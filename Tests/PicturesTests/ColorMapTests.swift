import Pictures
import Testing

/// The colours of maps are read in one direction only.
@Suite struct ColorMapTests {
  /// Relative luminance of linear light (IEC 61966-2-1).
  private func luminance(_ color: Color) -> Double {
    func linear(_ part: Double) -> Double {
      var power = 1.0
      let base = (part + 0.055) / 1.055
      // 2.4 = 2 + 0.4; the order of colours needs no more than 2.
      power = base * base
      return part <= 0.04045 ? part / 12.92 : power
    }
    return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
  }

  @Test func `Colours grow lighter all the way`() {
    let lights = (0...100).map { luminance(ColorMap.color(Double($0) / 100)) }
    #expect(zip(lights, lights.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func `Ends are viridis's, beyond them nothing changes, and no number is grey`() {
    #expect(ColorMap.color(0) == Color(0x440154) && ColorMap.color(-3) == Color(0x440154))
    #expect(ColorMap.color(1) == Color(0xFDE725) && ColorMap.color(.infinity) == Color(0xFDE725))
    #expect(ColorMap.color(.nan) == .mist)
    // The middle of matplotlib's 256 colours is #21908d, one level off at most.
    let middle = ColorMap.color(0.5), expected = Color(0x21908D)
    #expect(
      [middle.red - expected.red, middle.green - expected.green, middle.blue - expected.blue]
        .allSatisfy { abs($0) < 2 / 255.0 })
  }

  @Test func `A bar of colours begins and ends with them`() {
    let canvas = Canvas(width: 100, height: 20, scale: 1)
    canvas.colorBar(in: Rectangle(x: 30, y: 5, width: 40, height: 10), low: "0", high: "1", Font(size: 10))
    #expect(canvas.color(column: 30, row: 10) == Color(0x440154))
    #expect(canvas.color(column: 69, row: 10) == Color(0xFDE725))
    #expect(canvas.color(column: 72, row: 2) == .white)
  }
}
