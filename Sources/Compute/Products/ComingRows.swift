/// Rows of A that a product reads next, asked for in the second-level cache a few with every tile, so that memory works
/// as long as the arithmetic does.
struct ComingRows {
  private let start: UnsafeMutablePointer<Float>, leading: Int, floats: Int
  private let rows: Int, tiles: Int
  /// A row is due when `owed` reaches the number of tiles.
  private var owed = 0, row = 0

  /// - Parameters:
  ///   - leading: floats from row to row.
  ///   - floats: what is read of a row.
  ///   - rows: rows to come while `tiles` tiles are computed.
  init(_ start: UnsafePointer<Float>, leading: Int, floats: Int, rows: Int, tiles: Int) {
    self.start = UnsafeMutablePointer(mutating: start)
    (self.leading, self.floats, self.rows, self.tiles) = (leading, floats, rows, tiles)
  }

  /// Asks for what is due with one tile.
  @inline(__always)
  mutating func fetch() {
    owed += rows
    while owed >= tiles {
      for at in stride(from: 0, to: floats, by: 16) { start.prefetch(at: row * leading + at) }
      row += 1
      owed -= tiles
    }
  }
}
