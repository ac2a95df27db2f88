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

  private var rows = SIMD8<Float>(repeating: 0), columns = SIMD8<Float>(repeating: 0)

  /// The filter `[height, width, channels]` at `weight`; `nil` where it is no such product.
  package init?(_ weight: UnsafePointer<Float>, height: Int, width: Int, channels: Int) {
    guard height <= Self.mostTaps, width <= Self.mostTaps else { return nil }
    let row = height / 2, column = width / 2, centre = weight[(row * width + column) * channels]
    guard centre.isFinite, centre != 0 else { return nil }
    for u in 0..<height { rows[u] = weight[(u * width + column) * channels] / centre }
    for v in 0..<width { columns[v] = weight[(row * width + v) * channels] }
    for tap in 0..<height * width {
      let product = rows[tap / width] * columns[tap % width], first = weight[tap * channels]
      guard abs(product - first) <= Self.tolerance * abs(first) else { return nil }
      for channel in 1..<channels where weight[tap * channels + channel] != first { return nil }
    }
  }

  /// The floats that `correlate` needs between its two passes.
  static func scratchCount(_ plane: TapPlane, rows: Range<Int>, channels: Int) -> Int {
    plane.rows.reach(of: rows).count * plane.columns.outputs * channels
  }

  /// The rows `rows` of outputs of one image `x`, a whole number of vectors of channels, one after the other in `band`.
  func correlate(
    _ x: UnsafePointer<Float>, along plane: TapPlane, rows outputs: Range<Int>, channels: Int,
    between: UnsafeMutablePointer<Float>, into band: UnsafeMutablePointer<Float>
  ) {
    let width = plane.columns.outputs, length = width * channels
    let sources = plane.rows.reach(of: outputs).clamped(to: 0..<plane.rows.sources)
    withUnsafeBytes(of: (rows, columns)) { taps in
      let rowTaps = taps.baseAddress!.assumingMemoryBound(to: Float.self), columnTaps = rowTaps + 8
      for source in sources {
        let line = x + source * plane.columns.sources * channels, target = between + (source - sources.lowerBound) * length
        for column in 0..<width {
          let run = plane.columns.inside(plane.columns.taps(of: column))
          Self.mix(
            line + run.source * channels, step: run.sourceStep * channels, columnTaps + run.first, run.count,
            into: target + column * channels, count: channels)
        }
      }
      for (place, row) in outputs.enumerated() {
        let run = plane.rows.inside(plane.rows.taps(of: row))
        Self.mix(
          between + (run.source - sources.lowerBound) * length, step: run.sourceStep * length, rowTaps + run.first,
          run.count, into: band + place * length, count: length)
      }
    }
  }

  /// target_i = Σ over k of taps_k source_(i + k step).
  @inline(__always)
  private static func mix(
    _ source: UnsafePointer<Float>, step: Int, _ taps: UnsafePointer<Float>, _ tapCount: Int,
    into target: UnsafeMutablePointer<Float>, count: Int
  ) {
    if tapCount == 5 { return mixFive(source, step: step, taps, into: target, count: count) }
    for index in stride(from: 0, to: count, by: 16) {
      var sum = Lanes(repeating: 0)
      for tap in 0..<tapCount { sum.addProduct(source.lanes(at: tap * step + index), Lanes(repeating: taps[tap])) }
      target.store(sum, at: index)
    }
  }

  @inline(never)
  private static func mixFive(
    _ source: UnsafePointer<Float>, step: Int, _ taps: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>, count: Int
  ) {
    let (a, b, c) = (Lanes(repeating: taps[0]), Lanes(repeating: taps[1]), Lanes(repeating: taps[2]))
    let (d, e) = (Lanes(repeating: taps[3]), Lanes(repeating: taps[4]))
    for index in stride(from: 0, to: count, by: 16) {
      var sum = source.lanes(at: index) * a
      sum.addProduct(source.lanes(at: step + index), b)
      sum.addProduct(source.lanes(at: 2 * step + index), c)
      sum.addProduct(source.lanes(at: 3 * step + index), d)
      sum.addProduct(source.lanes(at: 4 * step + index), e)
      target.store(sum, at: index)
    }
  }
}
