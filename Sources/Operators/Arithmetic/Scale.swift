import Compute

/// Multiplication by a constant and addition of another, y = factor · x + offset; any shape.
public struct Scale: ElementFunction {
  public let factor: Float
  public let offset: Float

  public init(by factor: Float, plus offset: Float = 0) {
    self.factor = factor
    self.offset = offset
  }

  public var name: String { "scale" }

  public static var derivativeReads: DerivativeArgument { .neither }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { Lanes(repeating: offset).addingProduct(x, Lanes(repeating: factor)) }

  /// dx = factor · dy.
  @inline(__always)
  public func gradient(_ dy: Lanes, at argument: Lanes) -> Lanes { dy * factor }
}
