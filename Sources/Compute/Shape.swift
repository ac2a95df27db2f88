/// The extents of a tensor, outermost first; rows are contiguous (row-major).
///
/// **Layout, stated once for the whole product:** activations are `[N, H, W, C]` (batch, rows, columns, channels;
/// channels innermost), token sequences `[N, L, C]`, clips `[N, T, H, W, C]`. Files keep the reference's own layout;
/// the permutation happens when they are read or written.
///
/// At most eight extents of up to 2^31 - 1 each, stored inline: copying a shape costs no reference counting.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  @usableFromInline var extents: SIMD8<Int32>
  /// The number of extents.
  public let rank: Int

  @inlinable
  public init<Extents: Collection>(_ extents: Extents) where Extents.Element == Int {
    self.extents = SIMD8(repeating: 1)
    rank = extents.count
    var axis = 0
    for extent in extents {
      self.extents[axis] = Int32(extent)
      axis += 1
    }
  }

  @inlinable
  public init(arrayLiteral extents: Int...) { self.init(extents) }

  /// The extent along `axis`; a negative axis counts from the end.
  @inlinable
  public subscript(axis: Int) -> Int {
    get { Int(extents[axis < 0 ? rank + axis : axis]) }
    set { extents[axis < 0 ? rank + axis : axis] = Int32(newValue) }
  }

  /// The number of elements.
  @inlinable
  public var count: Int {
    var product = 1
    for axis in 0..<rank { product *= Int(extents[axis]) }
    return product
  }

  /// The number of bytes that the elements take as 32-bit floats.
  @inlinable
  public var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// The extents as an array.
  @inlinable
  public var array: [Int] { (0..<rank).map { self[$0] } }

  /// The product of the extents along `axes`.
  @inlinable
  public func count(over axes: Range<Int>) -> Int {
    var product = 1
    for axis in axes { product *= Int(extents[axis]) }
    return product
  }

  /// The innermost extent: channels of an activation, features of a token.
  @inlinable
  public var channels: Int { self[rank - 1] }

  public var description: String { "[" + array.map(String.init).joined(separator: ", ") + "]" }
}

extension Shape {
  /// The shape of an element-wise result of two operands: extents are equal or one of them is 1; a missing leading
  /// extent counts as 1. `nil` when the two do not fit.
  public static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
    let rank = Swift.max(a.rank, b.rank)
    var result = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let fromA = axis - (rank - a.rank), fromB = axis - (rank - b.rank)
      let x = fromA < 0 ? 1 : a[fromA], y = fromB < 0 ? 1 : b[fromB]
      guard x == y || x == 1 || y == 1 else { return nil }
      result[axis] = x == 1 ? y : x
    }
    return Shape(result)
  }
}
