/// The sums of a tile of a matrix product that stay in registers: up to six rows of up to four vectors.
///
/// Six by four are 24 of AVX-512's 32 registers; four vectors of B and one number of A, repeated, take five more. A
/// step of k is then ten loads for 24 multiply-adds, so that loads take less than half of the time of the arithmetic.
struct TileSums {
  static var rows: Int { 6 }

  private var r0 = Row(), r1 = Row(), r2 = Row(), r3 = Row(), r4 = Row(), r5 = Row()

  struct Row {
    var v0 = Lanes(repeating: 0), v1 = Lanes(repeating: 0), v2 = Lanes(repeating: 0), v3 = Lanes(repeating: 0)

    /// The vectors of B at `place`, as many as the tile has.
    @inline(__always)
    init(_ place: UnsafePointer<Float>, vectors: Int) {
      v0 = place.lanes(at: 0)
      if vectors > 1 { v1 = place.lanes(at: 16) }
      if vectors > 2 { v2 = place.lanes(at: 32) }
      if vectors > 3 { v3 = place.lanes(at: 48) }
    }

    @inline(__always)
    init() {}

    @inline(__always)
    mutating func add(_ factor: Float, times b: Row, vectors: Int) {
      let factor = Lanes(repeating: factor)
      v0.addProduct(factor, b.v0)
      if vectors > 1 { v1.addProduct(factor, b.v1) }
      if vectors > 2 { v2.addProduct(factor, b.v2) }
      if vectors > 3 { v3.addProduct(factor, b.v3) }
    }

    @inline(__always)
    func visit(vectors: Int, _ body: (_ vector: Int, _ sum: Lanes) -> Void) {
      body(0, v0)
      if vectors > 1 { body(1, v1) }
      if vectors > 2 { body(2, v2) }
      if vectors > 3 { body(3, v3) }
    }
  }

  @inline(__always)
  init() {}

  /// Adds `factor(row)` times the vectors of B to each row.
  @inline(__always)
  mutating func add(rows: Int, _ b: Row, vectors: Int, _ factor: (_ row: Int) -> Float) {
    r0.add(factor(0), times: b, vectors: vectors)
    if rows > 1 { r1.add(factor(1), times: b, vectors: vectors) }
    if rows > 2 { r2.add(factor(2), times: b, vectors: vectors) }
    if rows > 3 { r3.add(factor(3), times: b, vectors: vectors) }
    if rows > 4 { r4.add(factor(4), times: b, vectors: vectors) }
    if rows > 5 { r5.add(factor(5), times: b, vectors: vectors) }
  }

  /// Visits the mean of every column over all six rows, and the sum of the squared deviations from it.
  @inline(__always)
  func visitMoments(vectors: Int, _ body: (_ vector: Int, _ mean: Lanes, _ squares: Lanes) -> Void) {
    Self.moments(r0.v0, r1.v0, r2.v0, r3.v0, r4.v0, r5.v0) { body(0, $0, $1) }
    if vectors > 1 { Self.moments(r0.v1, r1.v1, r2.v1, r3.v1, r4.v1, r5.v1) { body(1, $0, $1) } }
    if vectors > 2 { Self.moments(r0.v2, r1.v2, r2.v2, r3.v2, r4.v2, r5.v2) { body(2, $0, $1) } }
    if vectors > 3 { Self.moments(r0.v3, r1.v3, r2.v3, r3.v3, r4.v3, r5.v3) { body(3, $0, $1) } }
  }

  /// The mean of six values and the sum of their squared deviations from it, lane by lane.
  @inline(__always)
  static func moments(
    _ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes, _ e: Lanes, _ f: Lanes,
    _ body: (_ mean: Lanes, _ squares: Lanes) -> Void
  ) {
    let mean = ((a + b) + (c + d) + (e + f)) * (1 / 6)
    var even = (a - mean) * (a - mean), odd = (b - mean) * (b - mean)
    even.addProduct(c - mean, c - mean)
    odd.addProduct(d - mean, d - mean)
    even.addProduct(e - mean, e - mean)
    odd.addProduct(f - mean, f - mean)
    body(mean, even + odd)
  }

  /// Visits all sums, row by row.
  @inline(__always)
  func visit(rows: Int, vectors: Int, _ body: (_ row: Int, _ vector: Int, _ sum: Lanes) -> Void) {
    r0.visit(vectors: vectors) { body(0, $0, $1) }
    if rows > 1 { r1.visit(vectors: vectors) { body(1, $0, $1) } }
    if rows > 2 { r2.visit(vectors: vectors) { body(2, $0, $1) } }
    if rows > 3 { r3.visit(vectors: vectors) { body(3, $0, $1) } }
    if rows > 4 { r4.visit(vectors: vectors) { body(4, $0, $1) } }
    if rows > 5 { r5.visit(vectors: vectors) { body(5, $0, $1) } }
  }
}
