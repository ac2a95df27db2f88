import Compute

/// C[i, :] = Σ_k a[i, k] · b[k, :] on one thread, rows of C and b a multiple of 16 floats wide: the products of an
/// attention, whose one extent is the channels of a head.
///
/// Six rows of C by up to 64 columns stay in registers; b is read as it lies and a is read number by number, so neither
/// is packed. OpenBLAS packs both at every call: 105 GFLOP/s for heads of 32 channels and 125 for 64, this 158 to 166.
struct HeadProduct {
  let a: UnsafePointer<Float>
  /// Floats from a[i, k] to a[i + 1, k] and to a[i, k + 1].
  let rowStride, stepStride: Int
  let steps: Int

  /// The rows of b that stay in the first-level cache while all rows of C pass: 16 KiB of 64 channels. Rows of a head
  /// lie 1,536 bytes and more apart, which leaves half of that cache to them (96 rows: 140 GFLOP/s for 158).
  private static let block = 64

  /// - Parameters:
  ///   - rows: The rows of C, `leading` apart.
  ///   - columns: Their width, a multiple of 16.
  func callAsFunction(
    _ b: UnsafePointer<Float>, leading bLeading: Int, into c: UnsafeMutablePointer<Float>, leading: Int, rows: Int,
    columns: Int, accumulate: Bool
  ) {
    var column = 0
    while column + FourVectors.width <= columns {
      pass(FourVectors.self, b + column, bLeading, c + column, leading, rows, accumulate)
      column += FourVectors.width
    }
    if column + TwoVectors.width <= columns {
      pass(TwoVectors.self, b + column, bLeading, c + column, leading, rows, accumulate)
      column += TwoVectors.width
    }
    if column < columns { pass(OneVector.self, b + column, bLeading, c + column, leading, rows, accumulate) }
  }

  @inline(__always)
  private func pass<Row: RowVectors>(
    _: Row.Type, _ b: UnsafePointer<Float>, _ bLeading: Int, _ c: UnsafeMutablePointer<Float>, _ leading: Int,
    _ rows: Int, _ accumulate: Bool
  ) {
    var first = 0
    while first < steps {
      let count = min(Self.block, steps - first), adds = accumulate || first > 0
      let a = a + first * stepStride, b = b + first * bLeading
      var row = 0
      while row + 6 <= rows {
        sixRows(Row.self, a + row * rowStride, b, bLeading, count, c + row * leading, leading, adds)
        row += 6
      }
      while row < rows {
        oneRow(Row.self, a + row * rowStride, b, bLeading, count, c + row * leading, adds)
        row += 1
      }
      first += count
    }
  }

  @inline(__always)
  private func sixRows<Row: RowVectors>(
    _: Row.Type, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bLeading: Int, _ count: Int,
    _ c: UnsafeMutablePointer<Float>, _ leading: Int, _ accumulate: Bool
  ) {
    let zero = Row(repeating: Lanes(repeating: 0)), stride = rowStride
    var (c0, c1, c2, c3, c4, c5) = (zero, zero, zero, zero, zero, zero)
    var a = a, b = b
    for _ in 0..<count {
      let row = Row(b)
      c0.addProduct(Lanes(repeating: a[0]), row)
      c1.addProduct(Lanes(repeating: a[stride]), row)
      c2.addProduct(Lanes(repeating: a[2 * stride]), row)
      c3.addProduct(Lanes(repeating: a[3 * stride]), row)
      c4.addProduct(Lanes(repeating: a[4 * stride]), row)
      c5.addProduct(Lanes(repeating: a[5 * stride]), row)
      a += stepStride
      b += bLeading
    }
    c0.store(c, accumulate: accumulate)
    c1.store(c + leading, accumulate: accumulate)
    c2.store(c + 2 * leading, accumulate: accumulate)
    c3.store(c + 3 * leading, accumulate: accumulate)
    c4.store(c + 4 * leading, accumulate: accumulate)
    c5.store(c + 5 * leading, accumulate: accumulate)
  }

  @inline(__always)
  private func oneRow<Row: RowVectors>(
    _: Row.Type, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bLeading: Int, _ count: Int,
    _ c: UnsafeMutablePointer<Float>, _ accumulate: Bool
  ) {
    // Two sums, since one would wait for itself.
    var even = Row(repeating: Lanes(repeating: 0)), odd = even
    var k = 0
    while k + 2 <= count {
      even.addProduct(Lanes(repeating: a[k * stepStride]), Row(b + k * bLeading))
      odd.addProduct(Lanes(repeating: a[(k + 1) * stepStride]), Row(b + (k + 1) * bLeading))
      k += 2
    }
    if k < count { even.addProduct(Lanes(repeating: a[k * stepStride]), Row(b + k * bLeading)) }
    even.store(c, accumulate: accumulate)
    odd.store(c, accumulate: true)
  }
}
