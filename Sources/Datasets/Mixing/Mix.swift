/// How much of a sample its partner replaces: inside a window, what the sample's own pixels count there, and for the
/// whole sample, what its own label counts.
package struct Mix: Hashable, Sendable {
  /// What the sample's own label counts, 0...1; the partner's counts the rest.
  package var labelShare: Float = 1
  /// Where pixels are mixed.
  package var rows = 0..<0
  package var columns = 0..<0
  /// What the sample's own pixels count there: 0 in a window that is the partner's.
  package var pixelShare: Float = 0

  /// The sample as it is.
  package init() {}

  /// The whole picture: x = share * x + (1 - share) * partner (mixup, section 2).
  package init(blending share: Float, size: ImageSize) {
    guard share < 1 else { return }
    labelShare = share
    rows = 0..<size.height
    columns = 0..<size.width
    pixelShare = share
  }

  /// A window of the picture's proportions about `centre` that is the partner's (CutMix, eq. 1-2). It is meant to leave
  /// `share` of the area; what the picture's border cuts off it leaves too, and so counts the label.
  package init(leaving share: Double, centre: (row: Int, column: Int), size: ImageSize) {
    let side = (1 - share).squareRoot()
    let height = Int(Double(size.height) * side), width = Int(Double(size.width) * side)
    rows = Self.cut(centre.row, height, size.height)
    columns = Self.cut(centre.column, width, size.width)
    labelShare = Float(1 - Double(rows.count * columns.count) / Double(size.height * size.width))
  }

  private static func cut(_ centre: Int, _ length: Int, _ limit: Int) -> Range<Int> {
    max(centre - length / 2, 0)..<min(centre + length / 2, limit)
  }

  /// What the sample's own pixel counts.
  @inline(__always)
  func share(row: Int, column: Int) -> Float { rows.contains(row) && columns.contains(column) ? pixelShare : 1 }
}
