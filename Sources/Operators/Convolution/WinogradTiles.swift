/// How Winograd's method cuts the outputs of a batch: in tiles of 4x4 outputs, and where rows or columns of three end an
/// image without a rest, in those at its end. (A side of 14 is 4, 4, 3 and 3, one of 7 is 4 and 3.)
///
/// Three outputs take five of the six points: the tile leaves one out in that direction. Of an image of 14x14, 484
/// products for each pair of channels instead of 576.
///
/// Tiles of one form come one after another through the whole batch, in such an order that those which take a point are a
/// stretch: short down, whole, short across, short both ways.
struct WinogradTiles {
  /// The row or column of points that a short tile leaves out.
  static let omitted = 4

  private let images: Int
  private let rows: Side, columns: Side
  /// The tiles before the end of each form.
  private let ends: (Int, Int, Int, Int)

  init(images: Int, height: Int, width: Int) {
    self.images = images
    (rows, columns) = (Side(height), Side(width))
    let shortDown = images * rows.short * columns.whole, whole = images * rows.whole * columns.whole
    let shortAcross = images * rows.whole * columns.short, short = images * rows.short * columns.short
    ends = (
      shortDown, shortDown + whole, shortDown + whole + shortAcross, shortDown + whole + shortAcross + short
    )
  }

  var count: Int { ends.3 }

  /// The tiles that take a point.
  func taking(_ point: Int) -> Range<Int> {
    let (row, column) = point.quotientAndRemainder(dividingBy: 6)
    let first = row == Self.omitted ? ends.0 : 0
    return first..<(column == Self.omitted ? ends.1 : row == Self.omitted ? ends.2 : ends.3)
  }

  /// Products for each pair of channels.
  var products: Int { (0..<WinogradTransform.points).reduce(0) { $0 + taking($1).count } }

  /// A tile; also one past the last, somewhere.
  @inline(__always)
  subscript(_ index: Int) -> WinogradTile {
    let isShortDown = index < ends.0 || index >= ends.2, isShortAcross = index >= ends.1
    let first = index >= ends.2 ? ends.2 : index >= ends.1 ? ends.1 : index >= ends.0 ? ends.0 : 0
    let down = max(1, isShortDown ? rows.short : rows.whole)
    let across = max(1, isShortAcross ? columns.short : columns.whole)
    let (line, column) = (index - first).quotientAndRemainder(dividingBy: across)
    let (image, row) = line.quotientAndRemainder(dividingBy: down)
    return WinogradTile(
      image: image, row: rows.start(row, isShort: isShortDown), column: columns.start(column, isShort: isShortAcross),
      isShortDown: isShortDown, isShortAcross: isShortAcross)
  }

  /// A side of an image in tiles.
  private struct Side {
    let whole: Int, short: Int

    init(_ length: Int) {
      let count = (length + 3) / 4, short = 4 * count - length
      self.short = short <= count ? short : 0
      whole = count - self.short
    }

    @inline(__always)
    func start(_ index: Int, isShort: Bool) -> Int { isShort ? 4 * whole + 3 * index : 4 * index }
  }
}

/// A tile of outputs.
struct WinogradTile {
  let image: Int
  /// Of its first output.
  let row: Int, column: Int
  /// Whether it computes three outputs in this direction, not four.
  let isShortDown: Bool, isShortAcross: Bool

  /// Rows and columns that it computes.
  @inline(__always)
  var height: Int { isShortDown ? 3 : 4 }
  @inline(__always)
  var width: Int { isShortAcross ? 3 : 4 }
}
