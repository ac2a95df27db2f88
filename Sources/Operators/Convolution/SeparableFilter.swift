import Compute

/// A filter that is the same for every channel and the product of a column and a row, such as a Gaussian: k + k
/// multiply-adds a value instead of k k.
///
/// w[u, v, c] = a_u b_v. Weights are looked at when they are used, since a graph cannot tell what a buffer holds.
package struct SeparableFilter {
  /// As many taps as a vector of this struct holds along either axis.
  static let mostTaps = 5
  /// How far a product of taps may be from the weight that it stands for: two roundings of float32.
  private static let tolerance: Float = 0x1p-22

  private var column = SIMD8<Float>(repeating: 0), row = SIMD8<Float>(repeating: 0)
  private let height: Int, width: Int

  /// The filter `[height, width, channels]` at `weight`; `nil` where it is no such product.
  package init?(_ weight: UnsafePointer<Float>, height: Int, width: Int, channels: Int) {
    guard height <= Self.mostTaps, width <= Self.mostTaps else { return nil }
    (self.height, self.width) = (height, width)
    let middle = (row: height / 2, column: width / 2), centre = weight[(middle.row * width + middle.column) * channels]
    guard centre.isFinite, centre != 0 else { return nil }
    for u in 0..<height { column[u] = weight[(u * width + middle.column) * channels] / centre }
    for v in 0..<width { row[v] = weight[(middle.row * width + v) * channels] }
    for tap in 0..<height * width {
      let product = column[tap / width] * row[tap % width], first = weight[tap * channels]
      guard abs(product - first) <= Self.tolerance * abs(first) else { return nil }
      for channel in 1..<channels where weight[tap * channels + channel] != first { return nil }
    }
  }

  /// The pixels of a line that `mixColumn` writes and `mixRow` reads: one row of sources with the padding around it.
  static func linePixels(_ plane: TapPlane) -> Int { plane.columns.reach(of: 0..<plane.columns.outputs).count }

  /// line[p] = Σ over u of a_u x[row reads u, p], for the pixels inside the image `x`, a whole number of vectors of
  /// channels each. The others are the caller's to hold at zero.
  func mixColumn(
    _ x: UnsafePointer<Float>, along plane: TapPlane, row: Int, channels: Int, into line: UnsafeMutablePointer<Float>
  ) {
    let reach = plane.columns.reach(of: 0..<plane.columns.outputs), run = plane.rows.inside(plane.rows.taps(of: row))
    let pixels = reach.clamped(to: 0..<plane.columns.sources), length = plane.columns.sources * channels
    withUnsafeBytes(of: column) { taps in
      Self.mix(
        x + run.source * length + pixels.lowerBound * channels, step: run.sourceStep * length,
        taps.baseAddress!.assumingMemoryBound(to: Float.self) + run.first, run.count,
        into: line + (pixels.lowerBound - reach.lowerBound) * channels, count: pixels.count * channels)
    }
  }

  /// Gives `body` the taps of the row, and how many they are.
  func withRow(_ body: (UnsafePointer<Float>, Int) -> Void) {
    withUnsafeBytes(of: row) { body($0.baseAddress!.assumingMemoryBound(to: Float.self), width) }
  }

  /// target_i = Σ over k of taps_k source_(i + k step).
  static func mix(
    _ source: UnsafePointer<Float>, step: Int, _ taps: UnsafePointer<Float>, _ tapCount: Int,
    into target: UnsafeMutablePointer<Float>, count: Int
  ) {
    if tapCount == 5 { return mixFive(FiveTaps(source, step: step, taps), into: target, count: count) }
    for index in stride(from: 0, to: count, by: 16) {
      var sum = Lanes(repeating: 0)
      for tap in 0..<tapCount { sum.addProduct(source.lanes(at: tap * step + index), Lanes(repeating: taps[tap])) }
      target.store(sum, at: index)
    }
  }

  @inline(never)
  private static func mixFive(_ sums: FiveTaps, into target: UnsafeMutablePointer<Float>, count: Int) {
    for index in stride(from: 0, to: count, by: 16) { target.store(sums[index], at: index) }
  }
}

/// Sums over five taps, with the taps in registers.
struct FiveTaps {
  private let a, b, c, d, e: UnsafePointer<Float>
  private let taps: (Lanes, Lanes, Lanes, Lanes, Lanes)

  @inline(__always)
  init(_ source: UnsafePointer<Float>, step: Int, _ taps: UnsafePointer<Float>) {
    (a, b, c) = (source, source + step, source + 2 * step)
    (d, e) = (source + 3 * step, source + 4 * step)
    self.taps = (
      Lanes(repeating: taps[0]), Lanes(repeating: taps[1]), Lanes(repeating: taps[2]), Lanes(repeating: taps[3]),
      Lanes(repeating: taps[4])
    )
  }

  /// Σ over k of taps_k source_(index + k step), sixteen from `index` on.
  @inline(__always)
  subscript(index: Int) -> Lanes {
    var sum = a.lanes(at: index) * taps.0
    sum.addProduct(b.lanes(at: index), taps.1)
    sum.addProduct(c.lanes(at: index), taps.2)
    sum.addProduct(d.lanes(at: index), taps.3)
    sum.addProduct(e.lanes(at: index), taps.4)
    return sum
  }
}
