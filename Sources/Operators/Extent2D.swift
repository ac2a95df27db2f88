/// A height and a width: of a kernel, a stride, a padding, an output. An integer literal stands for a square.
public struct Extent2D: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  public var height: Int
  public var width: Int

  public init(_ height: Int, _ width: Int) {
    self.height = height
    self.width = width
  }

  /// The same in both directions.
  public init(_ side: Int) { self.init(side, side) }

  public init(integerLiteral side: Int) { self.init(side, side) }

  public var description: String { "\(height) x \(width)" }
}
