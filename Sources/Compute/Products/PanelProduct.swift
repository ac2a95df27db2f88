/// C = A · B, or C += A · B, on one thread, where B lies in panels: for products whose B is used many times, such
/// as the filters of a convolution. OpenBLAS packs both matrices anew in each call, which costs a third of a product
/// with 64 columns or steps; here B is packed once and A is read as it lies.
///
/// Blocks of up to 128 steps of k, so that a panel's block (32 KiB) stays in the first-level cache while the rows of A
/// go past, and of as many rows that what they read and write stays in the second-level cache for all panels. The
/// association of sums depends on k alone. `matrixProduct` is the slow twin.
///
/// - Parameters:
///   - m: rows of A and C.
///   - a: `m × k`, as it lies or transposed.
///   - b: `k × n`.
///   - leading: floats from row to row of C.
///   - streams: whether C is written past the caches, where one pass over k writes it. Its rows are whole cache lines
///     then.
///   - moments: takes the moments of C's columns over all `m` rows, as they leave the registers.
public func panelProduct(
  m: Int, _ a: MatrixOperand, _ b: ColumnPanels, into c: UnsafeMutablePointer<Float>, leading: Int,
  accumulate: Bool = false, streams: Bool = false, moments: ColumnMoments? = nil
) {
  let k = b.rows, depth = PanelBlocks.depth(k), streams = streams && !accumulate && depth >= k
  let rows = PanelBlocks.rows(depth: min(depth, k), columns: b.columns)
  for top in stride(from: 0, to: m, by: rows) {
    let end = min(top + rows, m)
    for step in stride(from: 0, to: k, by: depth) {
      let isLast = step + depth >= k
      for panel in 0..<b.count {
        let columns = b.columns(of: panel)
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
          tile.compute(rows: count, columns: columns.count)
          row += count
        }
      }
    }
  }
}

enum PanelBlocks {
  /// Steps of k that one pass takes.
  static func depth(_ k: Int) -> Int {
    let most = k <= 512 ? 128 : 256, blocks = (k + most - 1) / most
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
