/// Colours for the numbers 0...1, in equal steps of what the eye sees: viridis (Smith, van der Walt; SciPy 2015), which
/// grows lighter all the way, so that it is read alike by the colour-blind and in grey print.
public enum ColorMap {
  /// Sixteen of its colours at equal distances; between them lies at most one level of 255 from the original.
  private static let colors: [Color] = [
    Color(0x440154), Color(0x481A6C), Color(0x472F7D), Color(0x414487), Color(0x39568C), Color(0x31688E),
    Color(0x2A788E), Color(0x23888E), Color(0x1F988B), Color(0x22A884), Color(0x35B779), Color(0x54C568),
    Color(0x7AD151), Color(0xA5DB36), Color(0xD2E21B), Color(0xFDE725),
  ]

  /// The colour of a number; those outside 0...1 have that of the nearest end, what is no number is grey.
  public static func color(_ value: Double) -> Color {
    guard !value.isNaN else { return .mist }
    let place = min(max(value, 0), 1) * Double(colors.count - 1)
    let index = min(Int(place), colors.count - 2), share = place - Double(index)
    let (a, b) = (colors[index], colors[index + 1])
    return Color(
      red: a.red + share * (b.red - a.red), green: a.green + share * (b.green - a.green),
      blue: a.blue + share * (b.blue - a.blue))
  }
}

extension Canvas {
  /// Draws the colours from 0 at the left to 1 at the right, with what either end stands for beside them.
  public func colorBar(in bar: Rectangle, low: String, high: String, _ font: Font) {
    let steps = max(2, Int((bar.width * scale).rounded()))
    let pixels = (0..<steps).flatMap { step in
      let color = ColorMap.color(Double(step) / Double(steps - 1))
      return [color.red, color.green, color.blue].map { UInt8((255 * $0).rounded()) }
    }
    draw(PixelImage(width: steps, height: 1, pixels: pixels), in: bar, smooth: false)
    text(low, at: Point(x: bar.x - 6, y: bar.midY), font, .slate, anchor: .right)
    text(high, at: Point(x: bar.maxX + 6, y: bar.midY), font, .slate)
  }
}
