import Compute

/// A row of one, two or four vectors that a kernel keeps in registers.
protocol RowVectors {
  /// The floats of a row.
  static var width: Int { get }
  init(repeating lanes: Lanes)
  init(_ row: UnsafePointer<Float>)
  mutating func addProduct(_ factor: Lanes, _ row: Self)
  /// Writes the row, or adds it to what is there.
  func store(_ row: UnsafeMutablePointer<Float>, accumulate: Bool)
}

struct OneVector: RowVectors {
  private var x0: Lanes
  static var width: Int { 16 }

  @inline(__always)
  init(repeating lanes: Lanes) { x0 = lanes }

  @inline(__always)
  init(_ row: UnsafePointer<Float>) { x0 = row.lanes(at: 0) }

  @inline(__always)
  mutating func addProduct(_ factor: Lanes, _ row: OneVector) { x0.addProduct(factor, row.x0) }

  @inline(__always)
  func store(_ row: UnsafeMutablePointer<Float>, accumulate: Bool) {
    row.store(accumulate ? row.lanes(at: 0) + x0 : x0, at: 0)
  }
}

/// Two rows side by side: two or four vectors.
struct Doubled<Half: RowVectors>: RowVectors {
  private var left, right: Half
  static var width: Int { 2 * Half.width }

  @inline(__always)
  init(repeating lanes: Lanes) { (left, right) = (Half(repeating: lanes), Half(repeating: lanes)) }

  @inline(__always)
  init(_ row: UnsafePointer<Float>) { (left, right) = (Half(row), Half(row + Half.width)) }

  @inline(__always)
  mutating func addProduct(_ factor: Lanes, _ row: Self) {
    left.addProduct(factor, row.left)
    right.addProduct(factor, row.right)
  }

  @inline(__always)
  func store(_ row: UnsafeMutablePointer<Float>, accumulate: Bool) {
    left.store(row, accumulate: accumulate)
    right.store(row + Half.width, accumulate: accumulate)
  }
}

/// The shapes of rows that products are cut into: 64, 32 and 16 floats.
typealias FourVectors = Doubled<Doubled<OneVector>>
typealias TwoVectors = Doubled<OneVector>
