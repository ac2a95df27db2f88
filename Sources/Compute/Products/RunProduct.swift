/// A small product whose steps come in runs, as a convolution walks the taps of a filter or the pixels of a band: up to
/// six rows of up to four vectors of columns, summed in registers on one thread, with no matrix to build.
///
/// C[i, j] = Σ over runs r and steps s of A[place(i) + r · runDistance + s · stepDistance] · B[r · steps + s, j].
public struct RunProduct {
  /// The number of runs, and of steps in each.
  let runs: Int, steps: Int
  /// Floats of A from run to run.
  let runDistance: Int
  /// Floats from row to row of C.
  let leading: Int

  public init(runs: Int, steps: Int, runDistance: Int, leading: Int) {
    (self.runs, self.steps, self.runDistance, self.leading) = (runs, steps, runDistance, leading)
  }

  /// The rows of a product.
  public static var rows: Int { TileSums.rows }

  /// How far A lies from its first element for each of six rows.
  public struct Places {
    private let p0, p1, p2, p3, p4, p5: Int

    @inline(__always)
    public init(_ place: (_ row: Int) -> Int) {
      (p0, p1, p2, p3, p4, p5) = (place(0), place(1), place(2), place(3), place(4), place(5))
    }

    @inline(__always)
    subscript(row: Int) -> Int {
      switch row {
      case 0: p0
      case 1: p1
      case 2: p2
      case 3: p3
      case 4: p4
      default: p5
      }
    }
  }

  /// How both factors lie.
  public enum Factors {
    /// Each row of A at a place of its own, a run's steps one after the other; B's rows with nothing between.
    case rows(Places)
    /// A's rows side by side, its steps and B's rows so many floats apart.
    case columns(stepDistance: Int, leadingB: Int)
  }

  /// Writes or adds the first `count` of six rows; A is read for all six.
  /// - Parameters:
  ///   - vectors: vectors of sixteen columns, at most four.
  ///   - bias: what every row begins with, `vectors` vectors.
  public func compute(
    _ count: Int, vectors: Int, _ factors: Factors, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    into c: UnsafeMutablePointer<Float>, accumulate: Bool, bias: UnsafePointer<Float>? = nil
  ) {
    switch vectors {
    case 4: sum(Four.self, count, factors, a, b, into: c, accumulate, bias)
    case 3: sum(Three.self, count, factors, a, b, into: c, accumulate, bias)
    case 2: sum(Two.self, count, factors, a, b, into: c, accumulate, bias)
    default: sum(One.self, count, factors, a, b, into: c, accumulate, bias)
    }
  }

  @inline(never)
  private func sum<Vectors: Literal>(
    _ vectors: Vectors.Type, _ count: Int, _ factors: Factors, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    into c: UnsafeMutablePointer<Float>, _ accumulates: Bool, _ bias: UnsafePointer<Float>?
  ) {
    let leading = leading, sums = switch factors {
    case .rows(let places): sums(vectors, a, at: places, b)
    case .columns(let distance, let pitch): sums(vectors, a, apart: distance, b, pitch: pitch)
    }
    sums.visit(rows: 6, vectors: Vectors.value) { row, vector, sum in
      guard row < count else { return }
      let at = row * leading + vector * 16
      var sum = bias.map { sum + $0.lanes(at: vector * 16) } ?? sum
      if accumulates { sum += c.lanes(at: at) }
      c.store(sum, at: at)
    }
  }

  /// Runs are too short to take their steps four at a time: what begins and ends a loop would cost more.
  @inline(__always)
  private func sums<Vectors: Literal>(
    _: Vectors.Type, _ a: UnsafePointer<Float>, at places: Places, _ b: UnsafePointer<Float>
  ) -> TileSums {
    var sums = TileSums(), b = b
    for run in 0..<runs {
      var a = a + run * runDistance
      for _ in 0..<steps {
        sums.add(rows: 6, TileSums.Row(b, vectors: Vectors.value), vectors: Vectors.value) { a[places[$0]] }
        a += 1
        b += 16 * Vectors.value
      }
    }
    return sums
  }

  @inline(__always)
  private func sums<Vectors: Literal>(
    _: Vectors.Type, _ a: UnsafePointer<Float>, apart stepDistance: Int, _ b: UnsafePointer<Float>, pitch: Int
  ) -> TileSums {
    var sums = TileSums()
    for run in 0..<runs {
      sums.add(
        Six.self, Vectors.self, steps: steps, SteppedColumns(a + run * runDistance, apart: stepDistance),
        times: b + run * steps * pitch, pitch: pitch)
    }
    return sums
  }
}
