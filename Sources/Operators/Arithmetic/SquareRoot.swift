import Compute

/// Square root, y = √x; any shape. NaN below 0.
public struct SquareRoot: ElementFunction {
  public init() {}

  public var name: String { "square_root" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.squareRoot() }

  /// dx = dy / 2y: infinite at 0, as the derivative is.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy / (2 * y) }
}
