/// One tile of C = A · B: up to six rows and up to four vectors of columns, all steps of k in registers.
struct ProductTile {
  let k: Int
  /// A at the tile's first row, the floats from row to row and from step to step: A may lie either way.
  let a: UnsafePointer<Float>, aRow: Int, aStep: Int
  /// B at the tile's first column, whole vectors wide, and the floats from step to step.
  let b: UnsafePointer<Float>, bStep: Int
  let c: UnsafeMutablePointer<Float>, leading: Int
  let accumulates: Bool
  /// Whether whole vectors go past the caches.
  var streams = false
  /// Where the moments of the tile's columns go, and the rows that are in them already.
  var moments: ColumnMoments?
  var seen = 0

  /// Computes `rows` rows of `columns` columns: at most `TileSums.rows` and 64.
  @inline(__always)
  func compute(rows: Int, columns: Int) {
    // A tile of few rows leaves most registers idle; those remain at the end of a matrix, and cost little there.
    var tile = self, left = rows
    while left > 0 {
      let count = left >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1
      switch count {
      case 6: tile.sum(Six.self, columns)
      case 4: tile.sum(Four.self, columns)
      case 2: tile.sum(Two.self, columns)
      default: tile.sum(One.self, columns)
      }
      left -= count
      tile = ProductTile(
        k: k, a: tile.a + count * aRow, aRow: aRow, aStep: aStep, b: b, bStep: bStep, c: tile.c + count * leading,
        leading: leading, accumulates: accumulates, streams: streams, moments: moments, seen: tile.seen + count)
    }
  }

  @inline(__always)
  private func sum<Rows: Literal>(_ rows: Rows.Type, _ columns: Int) {
    let last = (columns - 1) % 16 + 1
    switch (columns + 15) / 16 {
    case 4: sum(rows, Four.self, last)
    case 3: sum(rows, Three.self, last)
    case 2: sum(rows, Two.self, last)
    default: sum(rows, One.self, last)
    }
  }

  @inline(__always)
  private func sum<Rows: Literal, Vectors: Literal>(_ rows: Rows.Type, _ vectors: Vectors.Type, _ last: Int) {
    guard Rows.value == 6 && bStep == 16 * Vectors.value else {
      return sum(rows, vectors, last, StridedColumns(a, row: aRow, step: aStep))
    }
    if aStep == 1 {
      sum(rows, vectors, last, SixRows(a, apart: aRow))
    } else if aStep == 6 {
      sum(rows, vectors, last, PackedColumns(a))
    } else {
      sum(rows, vectors, last, SteppedColumns(a, apart: aStep))
    }
  }

  /// - Parameter last: columns of the last vector.
  @inline(never)
  private func sum<Rows: Literal, Vectors: Literal, Numbers: TileNumbers>(
    _: Rows.Type, _: Vectors.Type, _ last: Int, _ numbers: Numbers
  ) {
    let bStep = Numbers.isWhole ? 16 * Vectors.value : bStep
    var sums = TileSums(), numbers = numbers, b = b, left = k
    while left >= 4 {
      for step in 0..<4 {
        let row = TileSums.Row(b + step * bStep, vectors: Vectors.value)
        sums.add(rows: Rows.value, row, vectors: Vectors.value) { numbers[$0, step] }
      }
      numbers.advance(by: 4)
      b += 4 * bStep
      left -= 4
    }
    while left > 0 {
      let row = TileSums.Row(b, vectors: Vectors.value)
      sums.add(rows: Rows.value, row, vectors: Vectors.value) { numbers[$0, 0] }
      numbers.advance(by: 1)
      b += bStep
      left -= 1
    }
    let c = c, leading = leading, streams = streams
    guard last == 16 else { return putParts(sums, rows: Rows.value, vectors: Vectors.value, last) }
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
      addMoments(rows: Rows.value, columns: Vectors.value * 16, to: moments)
    }
  }

  /// The same for a tile whose last vector is a part: a function of its own, so that whole tiles do not pay for its
  /// code.
  @inline(never)
  private func putParts(_ sums: TileSums, rows: Int, vectors: Int, _ last: Int) {
    sums.visit(rows: rows, vectors: vectors) { row, vector, sum in
      let at = row * leading + vector * 16, count = vector + 1 == vectors ? last : 16
      c.store(accumulates ? c.lanes(at: at, count: count) + sum : sum, at: at, count: count)
    }
    if let moments { addMoments(rows: rows, columns: vectors * 16 - 16 + last, to: moments) }
  }

  /// Takes the moments of what has been written, where it lies in the cache.
  @inline(never)
  private func addMoments(rows: Int, columns: Int, to moments: ColumnMoments) {
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
