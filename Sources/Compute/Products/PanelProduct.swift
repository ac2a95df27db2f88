/// C = A · B, or C += A · B, on one thread, where B lies in panels: for products whose B is used many times, such
/// as the filters of a convolution. OpenBLAS packs both matrices anew in each call, which costs a third of a product
/// with 64 columns or steps; here B is packed once and A is read as it lies.
///
/// Blocks of so many steps of k that a panel's block (32 KiB, with AVX2 16) stays in the first-level cache while the rows
/// of A go past, and of few rows: A's part of a block stays in the second-level cache for all panels, and while it is
/// multiplied the next one comes from memory, some lines with every tile. (Asked for with the first panel alone, A came
/// no faster than memory gives it, and the other panels left memory idle: 256 to 64 channels took a fifth longer.) The
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
  let rows = PanelBlocks.rows(m)
  for top in stride(from: 0, to: m, by: rows) {
    let end = min(top + rows, m), tiles = (end - top + TileSums.rows - 1) / TileSums.rows * b.count
    for step in stride(from: 0, to: k, by: depth) {
      let isLast = step + depth >= k
      // The rows after the last lie in memory too, as a rule those of the next call.
      let next = isLast ? a.advanced(row: end, column: 0) : a.advanced(row: top, column: step + depth)
      var ahead = ComingRows(
        next.pointer, leading: a.leading, floats: a.isTransposed ? 0 : min(depth, isLast ? k : k - step - depth),
        rows: end - top, tiles: tiles)
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
          tile.prefetch(rows: count, columns: columns.count)
          ahead.fetch()
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

  /// Rows of a block of `m`, all alike: about 96, which with 256 steps are 96 KiB of A, and the next as much. (48 to 192
  /// were no slower. But a last block of a few rows reads all panels for little arithmetic.)
  static func rows(_ m: Int) -> Int {
    let wanted = 16 * TileSums.rows, blocks = max(1, (m + wanted / 2) / wanted)
    return max(1, (m + blocks * TileSums.rows - 1) / (blocks * TileSums.rows)) * TileSums.rows
  }
}

extension MatrixOperand {
  /// Floats from one row of what the product sees to the next, and from one column to the next.
  var rowStride: Int { isTransposed ? 1 : leading }
  var columnStride: Int { isTransposed ? leading : 1 }
}

extension ProductTile {
  /// Asks for what the tile writes: the arithmetic is long enough to fetch it.
  @inline(__always)
  func prefetch(rows: Int, columns: Int) {
    guard !streams else { return }
    for row in 0..<rows {
      for column in stride(from: 0, to: columns, by: 16) { c.prefetchForWriting(at: row * leading + column) }
    }
  }
}
