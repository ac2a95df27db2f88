import Compute

/// Square, y = x²; any shape.
public struct Square: ElementFunction {
  public init() {}

  public var name: String { "square" }

  public static var derivativeReads: DerivativeArgument { .input }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x * x }

  /// dx = 2 dy x.
  @inline(__always)
  public func gradient(_ dy: Lanes, at x: Lanes) -> Lanes { 2 * dy * x }
}
