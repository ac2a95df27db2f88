import Compute

/// The transforms of Winograd's minimal filtering F(4x4, 3x3) (Winograd 1980; Lavin & Gray, CVPR 2016): a 4x4 tile of
/// the output of a 3x3 correlation is Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A with 36 products instead of 144, where g is the filter
/// and d the 6x6 tile of the input, both interpolated at six points.
///
/// The points are 0, ±a, ±b and ∞ with a = 1/√2 and b = √2. Theirs is a quarter of the rounding error of the usual 0,
/// ±1, ±2 and ∞: 2.7e-6 against 1.1e-5 of the largest output for 256 channels, as their powers stay below 2.9.
///
/// Lanes are neighbouring channels. The gradient at the filter is the transpose of the same bilinear form:
/// dg = Gᵀ [(Bᵀ d B) ⊙ (A dy Aᵀ)] G.
///
/// Three outputs in a direction need five points. A short tile leaves -b out: B of 0, ±a, b and ∞ takes up the other
/// denominators of the interpolation, so that G stays what it is.
enum WinogradTransform {
  /// Values of one transformed tile.
  static let points = 36

  /// Six values of a row or a column.
  typealias Six = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)
  typealias Five = (Lanes, Lanes, Lanes, Lanes, Lanes)
  typealias Four = (Lanes, Lanes, Lanes, Lanes)
  typealias Three = (Lanes, Lanes, Lanes)

  private static let a: Float = 0.707_106_77, b: Float = 1.414_213_5

  /// Bᵀ d.
  @inline(__always)
  static func input(_ d: Six) -> Six {
    let even = sum(d.4, -2, d.2), odd = sum(d.3, -2, d.1)
    let evenTwo = sum(d.4, -0.5, d.2), oddTwo = sum(d.3, -0.5, d.1)
    return (
      sum(d.0 + d.4, -2.5, d.2), sum(even, a, odd), sum(even, -a, odd), sum(evenTwo, b, oddTwo),
      sum(evenTwo, -b, oddTwo), sum(d.1 + d.5, -2.5, d.3)
    )
  }

  /// Bᵀ d for three outputs; what stands for -b is nothing.
  @inline(__always)
  static func shortInput(_ d: Five) -> Six {
    let inner = sum(d.3 - d.1, -a, d.2), outer = sum(d.3 + d.1, -3 * a, d.2)
    return (
      sum(sum(sum(d.0, -2, d.2), b, d.3), -a, d.1), inner * (1.5 * b), outer * (0.5 * b),
      sum(d.3, -0.5, d.1) * (2 * b), Lanes(repeating: 0), sum(sum(sum(d.4, -b, d.3), -0.5, d.2), a, d.1)
    )
  }

  /// Aᵀ m.
  @inline(__always)
  static func output(_ m: Six) -> Four {
    let even = m.1 + m.2, odd = (m.1 - m.2) * a, evenTwo = m.3 + m.4, oddTwo = (m.3 - m.4) * b
    return (
      m.0 + even + evenTwo, odd + oddTwo, sum(even * 0.5, 2, evenTwo), sum(sum(m.5, 0.5, odd), 2, oddTwo)
    )
  }

  /// Aᵀ m for three outputs; the fourth is nothing.
  @inline(__always)
  static func shortOutput(_ m: Five) -> Four {
    let even = m.1 + m.2
    return (
      m.0 + even + m.3, sum((m.1 - m.2) * a, b, m.3), sum(sum(m.4, 0.5, even), 2, m.3), Lanes(repeating: 0)
    )
  }

  /// A dy.
  @inline(__always)
  static func outputGradient(_ y: Four) -> Six {
    let even = sum(y.0, 0.5, y.2), odd = sum(y.1, 0.5, y.3)
    let evenTwo = sum(y.0, 2, y.2), oddTwo = sum(y.1, 2, y.3)
    return (y.0, sum(even, a, odd), sum(even, -a, odd), sum(evenTwo, b, oddTwo), sum(evenTwo, -b, oddTwo), y.3)
  }

  /// A dy of three output gradients; what stands for -b is nothing.
  @inline(__always)
  static func shortOutputGradient(_ y: Three) -> Six {
    let even = sum(y.0, 0.5, y.2)
    return (
      y.0, sum(even, a, y.1), sum(even, -a, y.1), sum(sum(y.0, 2, y.2), b, y.1), Lanes(repeating: 0), y.2
    )
  }

  /// G g.
  @inline(__always)
  static func filter(_ g: Three) -> Six {
    let even = sum(g.0, 0.5, g.2) * (-2 / 3), evenTwo = sum(g.0, 2, g.2) * (1 / 6)
    return (
      g.0, sum(even, -2 / 3 * a, g.1), sum(even, 2 / 3 * a, g.1), sum(evenTwo, 1 / 6 * b, g.1),
      sum(evenTwo, -1 / 6 * b, g.1), g.2
    )
  }

  /// Gᵀ m.
  @inline(__always)
  static func filterGradient(_ m: Six) -> Three {
    let even = m.1 + m.2, odd = m.2 - m.1, evenTwo = m.3 + m.4, oddTwo = m.3 - m.4
    return (
      sum(sum(m.0, -2 / 3, even), 1 / 6, evenTwo), sum(odd * (2 / 3 * a), 1 / 6 * b, oddTwo),
      sum(m.5, 1 / 3, evenTwo - even)
    )
  }

  /// a + k b.
  @inline(__always)
  private static func sum(_ a: Lanes, _ k: Float, _ b: Lanes) -> Lanes { a.addingProduct(Lanes(repeating: k), b) }

  /// Bᵀ d B: `load` gives the value in a row and a column of the tile, `store` takes point 6 row + column.
  /// - Parameter middle: room for 36 vectors.
  @inline(__always)
  static func inputTile(
    _ tile: WinogradTile, _ middle: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Lanes,
    store: (_ point: Int, Lanes) -> Void
  ) {
    for column in 0..<tile.width + 2 {
      let first = (load(0, column), load(1, column), load(2, column), load(3, column), load(4, column))
      let t =
        tile.isShortDown
        ? shortInput(first) : input((first.0, first.1, first.2, first.3, first.4, load(5, column)))
      put(t, at: column, to: middle)
    }
    for row in 0..<6 where !(tile.isShortDown && row == WinogradTiles.omitted) {
      let d = six(middle, row)
      store6(tile.isShortAcross ? shortInput((d.0, d.1, d.2, d.3, d.4)) : input(d), row, store)
    }
  }

  /// A dy Aᵀ of a tile of output gradients.
  @inline(__always)
  static func outputGradientTile(
    _ tile: WinogradTile, _ middle: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Lanes,
    store: (_ point: Int, Lanes) -> Void
  ) {
    for column in 0..<tile.width {
      let y = (load(0, column), load(1, column), load(2, column))
      put(
        tile.isShortDown ? shortOutputGradient(y) : outputGradient((y.0, y.1, y.2, load(3, column))), at: column,
        to: middle)
    }
    for row in 0..<6 where !(tile.isShortDown && row == WinogradTiles.omitted) {
      let line = middle + row * 96, y = (line.lanes(at: 0), line.lanes(at: 16), line.lanes(at: 32))
      store6(
        tile.isShortAcross ? shortOutputGradient(y) : outputGradient((y.0, y.1, y.2, line.lanes(at: 48))), row, store)
    }
  }

  /// G g Gᵀ of a 3x3 filter: `load` gives tap 3 row + column.
  @inline(__always)
  static func filterTile(
    _ middle: UnsafeMutablePointer<Float>, load: (_ tap: Int) -> Lanes, store: (_ point: Int, Lanes) -> Void
  ) {
    for column in 0..<3 { put(filter((load(column), load(3 + column), load(6 + column))), at: column, to: middle) }
    for row in 0..<6 {
      let line = middle + row * 96
      store6(filter((line.lanes(at: 0), line.lanes(at: 16), line.lanes(at: 32))), row, store)
    }
  }

  /// Aᵀ m A: `load` gives a point, `store` takes a row and a column of the outputs.
  @inline(__always)
  static func outputTile(
    _ tile: WinogradTile, _ middle: UnsafeMutablePointer<Float>, load: (_ point: Int) -> Lanes,
    store: (_ row: Int, _ column: Int, Lanes) -> Void
  ) {
    for column in 0..<6 where !(tile.isShortAcross && column == WinogradTiles.omitted) {
      let m = (load(column), load(6 + column), load(12 + column), load(18 + column), load(30 + column))
      let t = tile.isShortDown ? shortOutput(m) : output((m.0, m.1, m.2, m.3, load(24 + column), m.4))
      (middle + column * 16).store(t.0, at: 0)
      (middle + column * 16).store(t.1, at: 96)
      (middle + column * 16).store(t.2, at: 192)
      (middle + column * 16).store(t.3, at: 288)
    }
    for row in 0..<tile.height {
      let m = six(middle, row), t = tile.isShortAcross ? shortOutput((m.0, m.1, m.2, m.3, m.5)) : output(m)
      store(row, 0, t.0)
      store(row, 1, t.1)
      store(row, 2, t.2)
      store(row, 3, t.3)
    }
  }

  /// Gᵀ m G: `load` gives a point, `store` takes tap 3 row + column.
  @inline(__always)
  static func filterGradientTile(
    _ middle: UnsafeMutablePointer<Float>, load: (_ point: Int) -> Lanes, store: (_ tap: Int, Lanes) -> Void
  ) {
    for column in 0..<6 {
      let t = filterGradient((
        load(column), load(6 + column), load(12 + column), load(18 + column), load(24 + column), load(30 + column)
      ))
      (middle + column * 16).store(t.0, at: 0)
      (middle + column * 16).store(t.1, at: 96)
      (middle + column * 16).store(t.2, at: 192)
    }
    for row in 0..<3 {
      let t = filterGradient(six(middle, row))
      store(3 * row, t.0)
      store(3 * row + 1, t.1)
      store(3 * row + 2, t.2)
    }
  }

  /// Row `row` of a tile of rows of six vectors.
  @inline(__always)
  private static func six(_ middle: UnsafeMutablePointer<Float>, _ row: Int) -> Six {
    let line = middle + row * 96
    return (
      line.lanes(at: 0), line.lanes(at: 16), line.lanes(at: 32), line.lanes(at: 48), line.lanes(at: 64),
      line.lanes(at: 80)
    )
  }

  /// Writes a column of such a tile.
  @inline(__always)
  private static func put(_ values: Six, at column: Int, to middle: UnsafeMutablePointer<Float>) {
    let place = middle + column * 16
    place.store(values.0, at: 0)
    place.store(values.1, at: 96)
    place.store(values.2, at: 192)
    place.store(values.3, at: 288)
    place.store(values.4, at: 384)
    place.store(values.5, at: 480)
  }

  @inline(__always)
  private static func store6(_ values: Six, _ row: Int, _ store: (_ point: Int, Lanes) -> Void) {
    store(row * 6, values.0)
    store(row * 6 + 1, values.1)
    store(row * 6 + 2, values.2)
    store(row * 6 + 3, values.3)
    store(row * 6 + 4, values.4)
    store(row * 6 + 5, values.5)
  }
}
