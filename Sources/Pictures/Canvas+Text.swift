import CCairo

/// A size and weight of the one typeface that all pictures use.
public struct Font: Hashable, Sendable {
  /// Points from the top of the highest to the bottom of the lowest letter, roughly.
  public var size: Double
  public var isBold: Bool

  public init(size: Double, bold: Bool = false) {
    self.size = size
    self.isBold = bold
  }
}

/// Which part of a text stands at the point where it is drawn.
public enum TextAnchor: Sendable {
  case left, center, right
}

extension Canvas {
  /// Draws one line of text whose capitals are centred vertically on `point`.
  /// - Parameter upwards: turns the text a quarter to the left, as along a vertical axis.
  public func text(
    _ text: String, at point: Point, _ font: Font, _ color: Color = .ink, anchor: TextAnchor = .left,
    upwards: Bool = false
  ) {
    let shift: Double
    switch anchor {
    case .left: shift = 0
    case .center: shift = -width(of: text, font) / 2
    case .right: shift = -width(of: text, font)
    }
    cairo_save(context)
    defer { cairo_restore(context) }
    cairo_translate(context, point.x, point.y)
    if upwards { cairo_rotate(context, -.pi / 2) }
    use(font)
    use(color)
    // A capital of the typeface is 0.73 of its size high.
    cairo_move_to(context, shift, 0.73 * font.size / 2)
    cairo_show_text(context, Self.drawable(text))
  }

  /// Points that a line of text takes from left to right.
  public func width(of text: String, _ font: Font) -> Double {
    use(font)
    var extents = cairo_text_extents_t()
    cairo_text_extents(context, Self.drawable(text), &extents)
    return extents.x_advance
  }

  /// The text itself when it fits into `limit` points, else its longest beginning that fits with an ellipsis.
  public func shortened(_ text: String, toFit limit: Double, _ font: Font) -> String {
    guard width(of: text, font) > limit else { return text }
    var kept = text
    while !kept.isEmpty {
      kept.removeLast()
      let candidate = kept + "…"
      if width(of: candidate, font) <= limit { return candidate }
    }
    return ""
  }

  /// Hinting moves letters to whole pixels, which makes text of one size look uneven at another scale.
  func useUnhintedText() {
    let options = cairo_font_options_create()
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
    cairo_set_font_options(context, options)
    cairo_font_options_destroy(options)
  }

  private func use(_ font: Font) {
    let weight = font.isBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL
    cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, weight)
    cairo_set_font_size(context, font.size)
  }

  /// Labels come from users' folders; a line break or another control character would be drawn as a box.
  private static func drawable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
}
