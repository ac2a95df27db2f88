/// A strip of C = A · B: some rows, up to four vectors of columns. Six rows at a time are a tile, whose sums stay in
/// registers for all steps of k.
struct ProductStrip {
  let k: Int
  /// A at the strip's first row, and the floats from row to row, from tile to tile and from step to step: A may lie
  /// either way, or tile after tile.
  let a: UnsafePointer<Float>, aRow: Int, aTile: Int, aStep: Int
  /// B at the strip's first column, whole vectors wide, and the floats from step to step.
  let b: UnsafePointer<Float>, bStep: Int
  let c: UnsafeMutablePointer<Float>, leading: Int
  let accumulates: Bool
  /// Whether each tile asks for the rows of A that the next one reads, where they lie row by row: they come from memory,
  /// and the arithmetic of one tile is long enough to fetch them.
  var readsAhead = false
  /// Whether whole vectors go past the caches.
  var streams = false
  /// Where the moments of the strip's columns go, and the rows that are in them already.
  var moments: ColumnMoments?
  var seen = 0

  /// Computes `rows` rows of at most 64 columns. Before each tile `ahead` hears its first row and how many it has.
  @inline(__always)
  func compute(rows: Int, columns: Int, ahead: (_ row: Int, _ count: Int) -> Void) {
    let last = (columns - 1) % 16 + 1
    switch (columns + 15) / 16 {
    case 4: compute(Four.self, rows, last, ahead)
    case 3: compute(Three.self, rows, last, ahead)
    case 2: compute(Two.self, rows, last, ahead)
    default: compute(One.self, rows, last, ahead)
    }
  }

  /// All tiles in one function: a call for each would take a tenth of a narrow tile's time.
  /// - Parameter last: columns of the last vector.
  @inline(never)
  private func compute<Vectors: Literal>(
    _ vectors: Vectors.Type, _ rows: Int, _ last: Int, _ ahead: (_ row: Int, _ count: Int) -> Void
  ) {
    var row = 0
    while row + TileSums.rows <= rows {
      ahead(row, TileSums.rows)
      prefetch(row, TileSums.rows, of: rows, vectors: Vectors.value)
      sum(row, Six.self, vectors, last)
      row += TileSums.rows
    }
    guard row < rows else { return }
    ahead(row, rows - row)
    prefetch(row, rows - row, of: rows, vectors: Vectors.value)
    // A tile of few rows leaves most registers idle; those remain at the end of a matrix, and cost little there.
    while row < rows {
      switch rows - row {
      case 4...: row += sumFew(row, Four.self, vectors, last)
      case 2...: row += sumFew(row, Two.self, vectors, last)
      default: row += sumFew(row, One.self, vectors, last)
      }
    }
  }

  @inline(never)
  private func sumFew<Rows: Literal, Vectors: Literal>(
    _ row: Int, _ rows: Rows.Type, _ vectors: Vectors.Type, _ last: Int
  ) -> Int {
    sum(row, rows, vectors, last)
    return Rows.value
  }

  /// Where a row of A begins.
  @inline(__always)
  private func place(ofRow row: Int) -> UnsafePointer<Float> {
    a + row / TileSums.rows * aTile + row % TileSums.rows * aRow
  }

  /// Asks for what a tile writes, and for what the next one reads of A.
  @inline(__always)
  private func prefetch(_ row: Int, _ count: Int, of rows: Int, vectors: Int) {
    if !streams {
      for row in row..<row + count {
        for vector in 0..<vectors { c.prefetchForWriting(at: row * leading + vector * 16) }
      }
    }
    guard readsAhead && aStep == 1 else { return }
    for next in row + count..<max(row + count, min(row + 2 * count, rows)) {
      let line = UnsafeMutablePointer(mutating: place(ofRow: next))
      for step in stride(from: 0, to: k, by: 16) { line.prefetch(at: step) }
    }
  }

  @inline(__always)
  private func sum<Rows: Literal, Vectors: Literal>(_ row: Int, _: Rows.Type, _: Vectors.Type, _ last: Int) {
    let aRow = aRow, aStep = aStep, bStep = bStep
    var sums = TileSums(), a = place(ofRow: row), b = b
    for _ in 0..<k {
      let row = TileSums.Row(b, vectors: Vectors.value)
      sums.add(rows: Rows.value, row, vectors: Vectors.value) { a[$0 * aRow] }
      a += aStep
      b += bStep
    }
    let c = c + row * leading, leading = leading, streams = streams
    func put(_ row: Int, _ vector: Int, _ sum: Lanes) {
      let at = row * leading + vector * 16
      if vector + 1 == Vectors.value && last < 16 {
        c.store(accumulates ? c.lanes(at: at, count: last) + sum : sum, at: at, count: last)
      } else if streams {
        c.stream(sum, at: at)
      } else {
        c.store(accumulates ? c.lanes(at: at) + sum : sum, at: at)
      }
    }
    sums.visit(rows: Rows.value, vectors: Vectors.value, put)
    guard let moments else { return }
    if streams && Rows.value == 6 {
      let weight = ColumnMoments.Weight(rows: 6, after: seen + row)
      sums.visitMoments(vectors: Vectors.value) { moments.add(mean: $1, squares: $2, at: $0 * 16, weight) }
    } else {
      addMoments(row, rows: Rows.value, columns: Vectors.value * 16 - 16 + last, to: moments)
    }
  }

  /// Takes the moments of what has been written, where it lies in the cache.
  @inline(never)
  private func addMoments(_ first: Int, rows: Int, columns: Int, to moments: ColumnMoments) {
    let six = ColumnMoments.Weight(rows: 6, after: seen + first)
    for column in stride(from: 0, to: columns, by: 16) {
      let width = min(16, columns - column), c = c + first * leading + column, leading = leading
      if rows == 6 && width == 16 {
        TileSums.moments(
          c.lanes(at: 0), c.lanes(at: leading), c.lanes(at: 2 * leading), c.lanes(at: 3 * leading),
          c.lanes(at: 4 * leading), c.lanes(at: 5 * leading)
        ) { moments.add(mean: $0, squares: $1, at: column, six) }
      } else {
        for row in 0..<rows {
          moments.add(
            mean: c.lanes(at: row * leading, count: width), squares: Lanes(repeating: 0), at: column,
            ColumnMoments.Weight(rows: 1, after: seen + first + row))
        }
      }
    }
  }
}
