/// C = Aᵀ · B, or C += Aᵀ · B, on one thread, where both lie row by row and have many rows: what the gradient of a
/// convolution's filters sums over pixels.
///
/// Blocks of 128 rows: A's are copied into stretches of six columns, each panel of B in turn into the first-level
/// cache, and while one is multiplied the next panel and the next block's rows of A are fetched. The association of sums
/// depends on `k` alone.
/// `matrixProduct` is the slow twin.
///
/// - Parameters:
///   - m: columns of A, rows of C.
///   - n: columns of B and C.
///   - k: rows of A and B.
///   - leadingA, leadingB, leading: floats from row to row of A, B, C.
///   - scratch: as many floats as `ColumnProduct.scratchFloats` says, none for narrow matrices.
public func columnProduct(
  m: Int, n: Int, k: Int, _ a: UnsafePointer<Float>, leadingA: Int, _ b: UnsafePointer<Float>, leadingB: Int,
  into c: UnsafeMutablePointer<Float>, leading: Int, accumulate: Bool = false, scratch: UnsafeMutablePointer<Float>
) {
  let blocks = (k + ColumnProduct.depth - 1) / ColumnProduct.depth
  for block in 0..<blocks {
    let first = block * k / blocks, end = (block + 1) * k / blocks
    let next = block + 1 < blocks ? end..<(block + 2) * k / blocks : end..<end
    let product = ColumnProduct(
      m: m, n: n, depth: end - first, a: a + first * leadingA, leadingA: leadingA, b: b + first * leadingB,
      leadingB: leadingB, c: c, leading: leading, accumulates: accumulate || block > 0, ahead: next.count)
    product.compute(scratch)
  }
}

/// One block of rows of a column product.
public struct ColumnProduct {
  static var depth: Int { 128 }

  /// Working memory for `m` columns of A and `n` of B, whose rows are as far apart as given.
  public static func scratchFloats(m: Int, leadingA: Int, n: Int, leadingB: Int) -> Int {
    (copiesPanel(n, leadingB) ? depth * ColumnPanels.width : 0)
      + (copiesStretches(leadingA, n) ? depth * ((m + 5) / 6 * 6) : 0)
  }

  /// Rows a few cache lines apart can be read down a column as they lie: a block's lines do not crowd each other out.
  /// Rows of 1 KiB do in the first-level cache, not in the second, and a copy pays only for many columns of B.
  private static func copiesStretches(_ leadingA: Int, _ n: Int) -> Bool { leadingA > (n > 128 ? 128 : 256) }

  /// A panel that is all of B lies in memory as a panel should.
  private static func copiesPanel(_ n: Int, _ leadingB: Int) -> Bool {
    leadingB != n || n > ColumnPanels.width || n % 16 != 0
  }

  let m: Int, n: Int, depth: Int
  let a: UnsafePointer<Float>, leadingA: Int
  let b: UnsafePointer<Float>, leadingB: Int
  let c: UnsafeMutablePointer<Float>, leading: Int
  let accumulates: Bool
  /// Rows of the next block.
  let ahead: Int

  func compute(_ scratch: UnsafeMutablePointer<Float>) {
    let copiesA = Self.copiesStretches(leadingA, n), copiesB = Self.copiesPanel(n, leadingB)
    let panel = scratch, stretches = scratch + (copiesB ? Self.depth * ColumnPanels.width : 0)
    if copiesA { copyStretches(to: stretches) }
    let tilesDown = (m + TileSums.rows - 1) / TileSums.rows
    var rowsAhead = ComingRows(
      a + depth * leadingA, leading: leadingA, floats: m, rows: ahead,
      tiles: tilesDown * ((n + ColumnPanels.width - 1) / ColumnPanels.width))
    for column in stride(from: 0, to: n, by: ColumnPanels.width) {
      let columns = min(ColumnPanels.width, n - column)
      if copiesB { copyPanel(column, columns, to: panel) }
      // B's next block whole, as A's, would push out of 512 KiB what the block itself needs: only its first panel.
      let next = column + ColumnPanels.width, isLast = next >= n
      var panelAhead = ComingPanel(
        isLast ? b + depth * leadingB : b + next, leading: leadingB, rows: isLast ? ahead : depth, tiles: tilesDown,
        isNear: true)
      let tile = ProductTile(
        k: depth, aRow: 1, aStep: copiesA ? TileSums.rows : leadingA,
        b: copiesB ? UnsafePointer(panel) : b + column, leading: leading, accumulates: accumulates)
      for row in stride(from: 0, to: m, by: TileSums.rows) {
        let rows = min(TileSums.rows, m - row), target = c + row * leading + column
        tile.prefetch(target, rows: rows, columns: columns)
        rowsAhead.fetch()
        panelAhead.fetch()
        tile.compute(
          copiesA ? UnsafePointer(stretches + row * depth) : a + row, into: target, rows: rows, columns: columns)
      }
    }
  }

  private func copyPanel(_ column: Int, _ columns: Int, to panel: UnsafeMutablePointer<Float>) {
    let pitch = Lanes.padded(columns)
    for row in 0..<depth {
      let source = b + row * leadingB + column, line = panel + row * pitch
      var at = 0
      while at + 16 <= columns {
        line.store(source.lanes(at: at), at: at)
        at += 16
      }
      guard at < columns else { continue }
      // Lanes past the last column are never stored: what follows in memory does as well as zeros.
      let isInside = (depth - 1 - row) * leadingB + n >= column + at + 16
      line.store(isInside ? source.lanes(at: at) : source.lanes(at: at, count: columns - at), at: at)
    }
  }

  /// Six columns of A after the other, each as `depth` rows of six. Sixteen at a time: what is read and written in turn
  /// stays in the first-level cache.
  private func copyStretches(to stretches: UnsafeMutablePointer<Float>) {
    let whole = m / 6 * 6
    for first in stride(from: 0, to: whole, by: 96) {
      let end = min(first + 96, whole)
      for row in 0..<depth {
        let source = a + row * leadingA, target = stretches + row * 6
        for column in stride(from: first, to: end, by: 6) {
          let from = UnsafeRawPointer(source + column), to = UnsafeMutableRawPointer(target + column * depth)
          to.storeBytes(of: from.loadUnaligned(as: SIMD4<Float>.self), as: SIMD4<Float>.self)
          (to + 16).storeBytes(of: (from + 16).loadUnaligned(as: SIMD2<Float>.self), as: SIMD2<Float>.self)
        }
      }
    }
    for row in 0..<depth {
      for column in whole..<m { stretches[whole * depth + row * 6 + column - whole] = a[row * leadingA + column] }
    }
  }
}
