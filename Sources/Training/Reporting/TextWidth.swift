/// How much room text takes on a terminal, where Chinese letters are two columns wide and accents none.
extension String {
  /// Terminal columns.
  public var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// The text itself when it fits, else its beginning and an ellipsis.
  public func shortened(toWidth columns: Int) -> String {
    guard displayWidth > columns else { return self }
    var kept = "", used = 1
    guard columns >= used else { return "" }
    for character in self {
      used += character.displayWidth
      if used > columns { break }
      kept.append(character)
    }
    return kept + "…"
  }

  /// The text with spaces up to a width.
  func padded(toWidth columns: Int, alignment: SummaryTable.Alignment) -> String {
    let spaces = String(repeating: " ", count: max(0, columns - displayWidth))
    return alignment == .left ? self + spaces : spaces + self
  }
}

extension Character {
  /// Terminal columns: those of its base, because combining marks stand on it.
  fileprivate var displayWidth: Int {
    let base = unicodeScalars.first!
    switch base.properties.generalCategory {
    case .control, .format, .nonspacingMark, .enclosingMark, .lineSeparator, .paragraphSeparator: return 0
    default: break
    }
    // U+FE0F asks for the emoji form of a letter that has both.
    let isEmoji = base.properties.isEmojiPresentation || unicodeScalars.contains { $0.value == 0xFE0F }
    return isEmoji || Self.wide.contains { $0.contains(base.value) } ? 2 : 1
  }

  /// The blocks that Unicode's annex 11 calls wide or full-width.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F,  // Hangul initials
    0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,  // kana, ideographs, Yi
    0xA960...0xA97F, 0xAC00...0xD7A3,  // Hangul
    0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,  // compatibility and full-width forms
    0x1B000...0x1B2FF, 0x20000...0x3FFFD,  // kana supplement, further ideographs
  ]
}
