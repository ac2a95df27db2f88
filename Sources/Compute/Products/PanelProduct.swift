/// C = A · B, or C += A · B, on one thread, where B lies in panels: for products whose B is used many times, such
/// as the filters of a convolution. OpenBLAS packs both matrices anew in each call, which costs a third of a product
/// with 64 columns or steps; here B is packed once and A is read as it lies.
///
/// Blocks of so many steps of k that a panel's block (32 KiB, with AVX2 16) stays in the first-level cache while the rows
/// of A go past, and of as many rows that what they read and write stays in the second-level cache for all panels. The
/// association of sums depends on k alone. `matrixProduct` is the slow twin.
///
/// - Parameters:
///   - m: rows of A and C.
///   - a: `m × k`, as it lies or transposed.
///   - b: `k × n`.
///   - leading: floats from row to row of C.
///   - streams: whether C is written past the caches, where one pass over k writes it. Its rows are whole cache lines
///     then.
///   - following: where the panels of the next product begin, where the caches do not hold these and those together.
///   - moments: takes the moments of C's columns over all `m` rows, as they leave the registers.
public func panelProduct(
  m: Int, _ a: MatrixOperand, _ b: ColumnPanels, into c: UnsafeMutablePointer<Float>, leading: Int,
  accumulate: Bool = false, streams: Bool = false,
  following: UnsafeMutablePointer<Float>? = nil, moments: ColumnMoments? = nil
) {
  let k = b.rows, depth = PanelBlocks.depth(k), streams = streams && !accumulate && depth >= k
  let rows = PanelBlocks.rows(depth: min(depth, k), columns: b.columns)
  for top in stride(from: 0, to: m, by: rows) {
    let end = min(top + rows, m)
    for step in stride(from: 0, to: k, by: depth) {
      let isLast = step + depth >= k
      for panel in 0..<b.count {
        let columns = b.columns(of: panel), upcoming = b.block(after: panel, step: step, depth: depth, following)
        var row = top
        while row < end {
          let count = min(TileSums.rows, end - row)
          let tile = ProductTile(
            k: min(depth, k - step), a: a.advanced(row: row, column: step).pointer, aRow: a.rowStride,
            aStep: a.columnStride, b: UnsafePointer(b.place(row: step, column: columns.lowerBound)),
            bStep: b.pitch(of: panel), c: c + row * leading + columns.lowerBound, leading: leading,
            accumulates: accumulate || step > 0, streams: streams,
            moments: isLast ? moments?.advanced(by: columns.lowerBound) : nil, seen: row)
          tile.prefetch(rows: count, columns: columns.count, nextRows: panel == 0 && row + count < end)
          upcoming?.prefetch(row - top..<row - top + count, of: end - top)
          tile.compute(rows: count, columns: columns.count)
          row += count
        }
      }
    }
  }
}

extension ColumnPanels {
  /// The part of a panel that a product reads after `depth` rows of another from `step` on: of the next panel, or after
  /// the last one the next rows of the first, then what follows. `nil` where panels stay in the second-level cache from
  /// one block of rows to the next.
  @inline(__always)
  fileprivate func block(
    after panel: Int, step: Int, depth: Int, _ following: UnsafeMutablePointer<Float>?
  ) -> UpcomingBlock? {
    guard following != nil || rows * columns > Self.residentFloats else { return nil }
    if panel + 1 < count {
      return UpcomingBlock(
        start: place(row: step, column: (panel + 1) * Self.width),
        count: min(depth, rows - step) * pitch(of: panel + 1))
    }
    let next = step + depth
    guard next >= rows else {
      return UpcomingBlock(start: place(row: next, column: 0), count: min(depth, rows - next) * pitch(of: 0))
    }
    return following.map { UpcomingBlock(start: $0, count: min(depth, rows) * pitch(of: 0)) }
  }
}

/// A stretch of B that is read next, asked for bit by bit while there is arithmetic to do.
private struct UpcomingBlock {
  let start: UnsafeMutablePointer<Float>
  let count: Int

  /// Asks for the share that `rows` have of all `total` rows.
  @inline(__always)
  func prefetch(_ rows: Range<Int>, of total: Int) {
    let lines = (count + 15) / 16
    for line in rows.lowerBound * lines / total..<rows.upperBound * lines / total { start.prefetch(at: 16 * line) }
  }
}

enum PanelBlocks {
  /// Steps of k that one pass takes. A tile of a narrow panel is over so soon that it takes twice as many: with AVX2,
  /// k = 256 and 64 to 1,024 columns that made 4 to 15 % more products a second.
  static func depth(_ k: Int) -> Int {
    let most = k <= 512 && ColumnPanels.width > 16 ? 128 : 256, blocks = (k + most - 1) / most
    return max(1, (k + blocks - 1) / max(blocks, 1))
  }

  /// Rows that a block of A and C takes within 768 KiB.
  static func rows(depth: Int, columns: Int) -> Int {
    let fitting = (768 << 10) / 4 / (depth + columns)
    return max(48, min(384, fitting)) / TileSums.rows * TileSums.rows
  }
}

extension MatrixOperand {
  /// Floats from one row of what the product sees to the next, and from one column to the next.
  var rowStride: Int { isTransposed ? 1 : leading }
  var columnStride: Int { isTransposed ? leading : 1 }
}

extension ProductTile {
  /// Asks for what the tile writes, and for what the next tile of the same panel reads of A where that lies row by row:
  /// both come from memory, and the arithmetic of one tile is long enough to fetch them.
  @inline(__always)
  func prefetch(rows: Int, columns: Int, nextRows: Bool) {
    if !streams {
      for row in 0..<rows {
        for column in stride(from: 0, to: columns, by: 16) { c.prefetchForWriting(at: row * leading + column) }
      }
    }
    guard nextRows, aStep == 1 else { return }
    for row in rows..<2 * rows {
      for step in stride(from: 0, to: k, by: 16) { UnsafeMutablePointer(mutating: a).prefetch(at: row * aRow + step) }
    }
  }
}
