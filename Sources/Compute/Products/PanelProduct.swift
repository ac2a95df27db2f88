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
    let end = min(top + rows, m), tilesDown = (end - top + TileSums.rows - 1) / TileSums.rows
    for step in stride(from: 0, to: k, by: depth) {
      let isLast = step + depth >= k
      // The rows after the last lie in memory too, as a rule those of the next call.
      let next = isLast ? a.advanced(row: end, column: 0) : a.advanced(row: top, column: step + depth)
      var rowsAhead = ComingRows(
        next.pointer, leading: a.leading, floats: a.isTransposed ? 0 : min(depth, isLast ? k : k - step - depth),
        rows: end - top, tiles: tilesDown * b.count)
      for panel in 0..<b.count {
        let columns = b.columns(of: panel)
        let tile = ProductTile(
          k: min(depth, k - step), aRow: a.rowStride, aStep: a.columnStride,
          b: UnsafePointer(b.place(row: step, column: columns.lowerBound)), leading: leading,
          accumulates: accumulate || step > 0, streams: streams,
          moments: isLast ? moments?.advanced(by: columns.lowerBound) : nil)
        var panelAhead = b.panel(after: panel, step: step, depth: depth, tilesDown, following)
        var row = top
        while row < end {
          let count = min(TileSums.rows, end - row), target = c + row * leading + columns.lowerBound
          tile.prefetch(target, rows: count, columns: columns.count)
          rowsAhead.fetch()
          panelAhead.fetch()
          tile.compute(
            a.advanced(row: row, column: step).pointer, into: target, rows: count, columns: columns.count, after: row)
          row += count
        }
      }
    }
  }
}

extension ColumnPanels {
  /// What a product reads after `depth` rows of a panel from `step` on: those of the next panel, or after the last one the
  /// next rows of the first, then what follows. Nothing where panels stay in the second-level cache from one block of
  /// rows to the next.
  fileprivate func panel(
    after panel: Int, step: Int, depth: Int, _ tilesDown: Int, _ following: UnsafeMutablePointer<Float>?
  ) -> ComingPanel {
    func coming(_ start: UnsafeMutablePointer<Float>, _ rows: Int, pitch: Int) -> ComingPanel {
      // As rows of whole panels, however wide the last one is.
      ComingPanel(
        start, leading: Self.width, rows: (rows * pitch + Self.width - 1) / Self.width, tiles: tilesDown, isNear: false)
    }
    guard following != nil || rows * columns > Self.residentFloats else { return coming(base, 0, pitch: 0) }
    if panel + 1 < count {
      return coming(
        place(row: step, column: (panel + 1) * Self.width), min(depth, rows - step), pitch: pitch(of: panel + 1))
    }
    let next = step + depth
    guard next >= rows else { return coming(place(row: next, column: 0), min(depth, rows - next), pitch: pitch(of: 0)) }
    return coming(following ?? base, following == nil ? 0 : min(depth, rows), pitch: pitch(of: 0))
  }
}

enum PanelBlocks {
  /// Steps of k that one pass takes. A tile of a narrow panel is over so soon that it takes twice as many: with AVX2,
  /// k = 256 and 64 to 1,024 columns that made 4 to 15 % more products a second.
  static func depth(_ k: Int) -> Int {
    EvenTiles.size(max(k, 1), most: k <= 512 && ColumnPanels.width > 16 ? 128 : 256)
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
