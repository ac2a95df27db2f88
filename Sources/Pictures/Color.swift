/// A colour with straight (not premultiplied) opacity; every part lies in 0...1.
public struct Color: Hashable, Sendable {
  public var red: Double
  public var green: Double
  public var blue: Double
  public var opacity: Double

  public init(red: Double, green: Double, blue: Double, opacity: Double = 1) {
    self.red = red
    self.green = green
    self.blue = blue
    self.opacity = opacity
  }

  /// The colour written as `0xRRGGBB`.
  public init(_ rgb: UInt32) {
    self.init(
      red: Double(rgb >> 16 & 0xFF) / 255, green: Double(rgb >> 8 & 0xFF) / 255, blue: Double(rgb & 0xFF) / 255)
  }

  /// The same hue, seen through.
  public func opacity(_ opacity: Double) -> Color {
    Color(red: red, green: green, blue: blue, opacity: opacity)
  }

  public static let white = Color(0xFFFFFF)
  /// Text.
  public static let ink = Color(0x1F2933)
  /// Axes and secondary text.
  public static let slate = Color(0x667085)
  /// Grid lines and the empty part of a bar.
  public static let mist = Color(0xE4E7EC)
  /// A right answer.
  public static let correct = Color(0x12805C)
  /// A wrong answer.
  public static let wrong = Color(0xC8321F)

  /// The colours of a plot's series, in the order they are handed out: the set of Okabe and Ito (Color Universal
  /// Design, 2008), which stays distinct for colour-blind readers and in grey print; its yellow is left
  /// out, too pale on white.
  public static let series: [Color] = [
    Color(0x0072B2), Color(0xD55E00), Color(0x009E73), Color(0xCC79A7), Color(0xE69F00), Color(0x56B4E9),
    Color(0x4B5563),
  ]
}
