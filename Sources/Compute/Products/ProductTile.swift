/// Tiles of C = A · B of one panel of B: up to six rows and up to four vectors of columns, all steps of k in registers.
struct ProductTile {
  let k: Int
  /// Floats of A from row to row and from step to step: one of both is 1.
  let aRow: Int, aStep: Int
  /// B at the first column: whole vectors, row after row with nothing between.
  let b: UnsafePointer<Float>
  /// Floats from row to row of C.
  let leading: Int
  let accumulates: Bool
  /// Whether whole vectors go past the caches.
  var streams = false
  /// Where the moments of the columns go.
  var moments: ColumnMoments?

  /// Asks for what a tile writes: the arithmetic is long enough to fetch it.
  @inline(__always)
  func prefetch(_ c: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    guard !streams else { return }
    var line = c
    for _ in 0..<rows {
      var column = 0
      while column < columns {
        line.prefetchForWriting(at: column)
        column += 16
      }
      line += leading
    }
  }

  /// Computes `rows` rows of `columns` columns: at most `TileSums.rows` and 64.
  /// - Parameter seen: the rows that are in the moments already.
  @inline(__always)
  func compute(
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int, after seen: Int = 0
  ) {
    guard rows < 6 else { return six(a, c, columns, seen) }
    // A tile of few rows leaves most registers idle; those remain at the end of a matrix, and cost little there.
    var row = 0
    while row < rows {
      let numbers = StridedNumbers(a + row * aRow, row: aRow, step: aStep), c = c + row * leading
      let left = rows - row, count = left >= 4 ? 4 : left >= 2 ? 2 : 1
      switch count {
      case 4: sum(Four.self, numbers, c, columns, seen + row)
      case 2: sum(Two.self, numbers, c, columns, seen + row)
      default: sum(One.self, numbers, c, columns, seen + row)
      }
      row += count
    }
  }

  @inline(__always)
  private func six(_ a: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ columns: Int, _ seen: Int) {
    if aStep == 1 {
      sum(Six.self, SixRows(a, apart: aRow), c, columns, seen)
    } else if aStep == 6 {
      sum(Six.self, PackedColumns(a), c, columns, seen)
    } else {
      sum(Six.self, SteppedColumns(a, apart: aStep), c, columns, seen)
    }
  }

  @inline(__always)
  private func sum<Rows: Literal>(
    _ rows: Rows.Type, _ numbers: some TileNumbers, _ c: UnsafeMutablePointer<Float>, _ columns: Int, _ seen: Int
  ) {
    let last = (columns - 1) % 16 + 1
    switch (columns + 15) / 16 {
    case 4: sum(rows, Four.self, numbers, c, last, seen)
    case 3: sum(rows, Three.self, numbers, c, last, seen)
    case 2: sum(rows, Two.self, numbers, c, last, seen)
    default: sum(rows, One.self, numbers, c, last, seen)
    }
  }

  /// - Parameter last: columns of the last vector.
  @inline(never)
  private func sum<Rows: Literal, Vectors: Literal, Numbers: TileNumbers>(
    _: Rows.Type, _: Vectors.Type, _ numbers: Numbers, _ c: UnsafeMutablePointer<Float>, _ last: Int, _ seen: Int
  ) {
    var sums = TileSums()
    sums.add(Rows.self, Vectors.self, steps: k, numbers, times: b, pitch: 16 * Vectors.value)
    guard last == 16 else { return put(sums, rows: Rows.value, vectors: Vectors.value, c, last, seen) }
    let leading = leading, streams = streams, accumulates = accumulates
    sums.visit(rows: Rows.value, vectors: Vectors.value) { row, vector, sum in
      let at = row * leading + vector * 16
      if streams {
        c.stream(sum, at: at)
      } else {
        c.store(accumulates ? c.lanes(at: at) + sum : sum, at: at)
      }
    }
    guard let moments else { return }
    if streams && Rows.value == 6 {
      let weight = ColumnMoments.Weight(rows: 6, after: seen)
      sums.visitMoments(vectors: Vectors.value) { moments.add(mean: $1, squares: $2, at: $0 * 16, weight) }
    } else {
      addMoments(c, rows: Rows.value, columns: Vectors.value * 16, seen, to: moments)
    }
  }

  /// The same for a tile whose last vector is a part: a function of its own, so that whole tiles do not pay for its
  /// code.
  @inline(never)
  private func put(
    _ sums: TileSums, rows: Int, vectors: Int, _ c: UnsafeMutablePointer<Float>, _ last: Int, _ seen: Int
  ) {
    sums.visit(rows: rows, vectors: vectors) { row, vector, sum in
      let at = row * leading + vector * 16, count = vector + 1 == vectors ? last : 16
      c.store(accumulates ? c.lanes(at: at, count: count) + sum : sum, at: at, count: count)
    }
    if let moments { addMoments(c, rows: rows, columns: vectors * 16 - 16 + last, seen, to: moments) }
  }

  /// Takes the moments of what has been written, where it lies in the cache.
  @inline(never)
  private func addMoments(
    _ c: UnsafeMutablePointer<Float>, rows: Int, columns: Int, _ seen: Int, to moments: ColumnMoments
  ) {
    let six = ColumnMoments.Weight(rows: 6, after: seen)
    for column in stride(from: 0, to: columns, by: 16) {
      let width = min(16, columns - column), c = c + column, leading = leading
      if rows == 6 && width == 16 {
        TileSums.moments(
          c.lanes(at: 0), c.lanes(at: leading), c.lanes(at: 2 * leading), c.lanes(at: 3 * leading),
          c.lanes(at: 4 * leading), c.lanes(at: 5 * leading)
        ) { moments.add(mean: $0, squares: $1, at: column, six) }
      } else {
        for row in 0..<rows {
          moments.add(
            mean: c.lanes(at: row * leading, count: width), squares: Lanes(repeating: 0), at: column,
            ColumnMoments.Weight(rows: 1, after: seen + row))
        }
      }
    }
  }
}
