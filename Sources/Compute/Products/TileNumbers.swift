/// Where a tile of a matrix product finds A's numbers, at a row and some steps further on.
///
/// With AVX2 a step is twelve multiply-adds and eight loads. Where two hardware threads share a core, each takes in some
/// three instructions a cycle: every addition of an address is then time that the arithmetic waits. So addresses here are
/// constants and registers that stay as they are. (From `a[row * aRow + step * aStep]` LLVM makes a chain of additions, 27
/// instructions a step instead of 21.)
protocol TileNumbers {
  subscript(row: Int, step: Int) -> Float { get }
  mutating func advance(by steps: Int)
}

extension TileSums {
  /// Adds A's numbers times B's vectors, `steps` of both; `pitch` floats are from one step of B to the next.
  @inline(__always)
  mutating func add<Rows: Literal, Vectors: Literal>(
    _: Rows.Type, _: Vectors.Type, steps: Int, _ first: some TileNumbers, times b: UnsafePointer<Float>, pitch: Int
  ) {
    var numbers = first, b = b, left = steps
    while left >= 4 {
      for step in 0..<4 {
        let row = Row(b + step * pitch, vectors: Vectors.value)
        add(rows: Rows.value, row, vectors: Vectors.value) { numbers[$0, step] }
      }
      numbers.advance(by: 4)
      b += 4 * pitch
      left -= 4
    }
    while left > 0 {
      let row = Row(b, vectors: Vectors.value)
      add(rows: Rows.value, row, vectors: Vectors.value) { numbers[$0, 0] }
      numbers.advance(by: 1)
      b += pitch
      left -= 1
    }
  }
}

/// Six numbers side by side for every step, the steps one after the other: a distance that is a constant.
struct PackedColumns: TileNumbers {
  private var place: UnsafePointer<Float>

  @inline(__always)
  init(_ place: UnsafePointer<Float>) { self.place = place }

  @inline(__always)
  subscript(row: Int, step: Int) -> Float { place[6 * step + row] }

  @inline(__always)
  mutating func advance(by steps: Int) { place += 6 * steps }
}

/// Six rows that lie step after step.
struct SixRows: TileNumbers {
  private let r0, r1, r2, r3, r4, r5: UnsafePointer<Float>
  private var at = 0

  /// - Parameter apart: floats from row to row.
  @inline(__always)
  init(_ place: UnsafePointer<Float>, apart: Int) {
    (r0, r1, r2) = (place, place + apart, place + 2 * apart)
    (r3, r4, r5) = (place + 3 * apart, place + 4 * apart, place + 5 * apart)
  }

  @inline(__always)
  subscript(row: Int, step: Int) -> Float {
    switch row {
    case 0: r0[at + step]
    case 1: r1[at + step]
    case 2: r2[at + step]
    case 3: r3[at + step]
    case 4: r4[at + step]
    default: r5[at + step]
    }
  }

  @inline(__always)
  mutating func advance(by steps: Int) { at += steps }
}

/// Six numbers side by side for every step, the steps some distance apart.
struct SteppedColumns: TileNumbers {
  private var place: UnsafePointer<Float>
  private let distance: Int

  @inline(__always)
  init(_ place: UnsafePointer<Float>, apart: Int) { (self.place, distance) = (place, apart) }

  @inline(__always)
  subscript(row: Int, step: Int) -> Float { place[step * distance + row] }

  @inline(__always)
  mutating func advance(by steps: Int) { place += steps * distance }
}

/// Any distances, for tiles of fewer than six rows.
struct StridedNumbers: TileNumbers {
  private var place: UnsafePointer<Float>
  private let row: Int, step: Int

  @inline(__always)
  init(_ place: UnsafePointer<Float>, row: Int, step: Int) { (self.place, self.row, self.step) = (place, row, step) }

  @inline(__always)
  subscript(row: Int, step: Int) -> Float { place[row * self.row + step * self.step] }

  @inline(__always)
  mutating func advance(by steps: Int) { place += steps * step }
}
