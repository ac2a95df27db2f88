/// Rows of A that a product reads next, asked for a few with every tile in the second-level cache, so that memory works as
/// long as the arithmetic does.
struct ComingRows {
  private var line: UnsafeMutablePointer<Float>
  private let leading: Int, floats: Int, rows: Int, tiles: Int
  /// A row is due when `owed` reaches the number of tiles.
  private var owed = 0

  /// - Parameters:
  ///   - leading: floats from row to row.
  ///   - floats: what is read of a row.
  ///   - rows: rows to come while `tiles` tiles are computed.
  init(_ start: UnsafePointer<Float>, leading: Int, floats: Int, rows: Int, tiles: Int) {
    line = UnsafeMutablePointer(mutating: start)
    (self.leading, self.floats, self.rows, self.tiles) = (leading, floats, rows, tiles)
  }

  /// Asks for what is due with one tile.
  @inline(__always)
  mutating func fetch() {
    owed += rows
    while owed >= tiles {
      var at = 0
      while at < floats {
        line.prefetch(at: at)
        at += 16
      }
      line += leading
      owed -= tiles
    }
  }
}

/// The panel of B that a product reads next, asked for a few rows with every tile.
struct ComingPanel {
  private var line: UnsafeMutablePointer<Float>
  private let leading: Int
  private var left: Int
  private let rowsPerTile: Int
  private let isNear: Bool

  /// - Parameters:
  ///   - leading: floats from row to row, a panel's width where it is packed.
  ///   - rows: rows to come while `tiles` tiles are computed.
  ///   - isNear: whether into the first-level cache, for what is copied at once, or into the second.
  init(_ start: UnsafePointer<Float>, leading: Int, rows: Int, tiles: Int, isNear: Bool) {
    line = UnsafeMutablePointer(mutating: start)
    (self.leading, left, self.isNear) = (leading, rows, isNear)
    rowsPerTile = (rows + tiles - 1) / tiles
  }

  /// Asks for what is due with one tile.
  @inline(__always)
  mutating func fetch() {
    let count = min(rowsPerTile, left)
    left -= count
    for _ in 0..<count {
      for at in stride(from: 0, to: ColumnPanels.width, by: 16) {
        if isNear { line.prefetchNear(at: at) } else { line.prefetch(at: at) }
      }
      line += leading
    }
  }
}
