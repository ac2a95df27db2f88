import Compute

/// Natural logarithm, y = ln x; any shape. -infinity at 0, NaN below.
public struct Logarithm: ElementFunction {
  public init() {}

  public var name: String { "logarithm" }

  public static var derivativeReads: DerivativeArgument { .input }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.logarithm }

  /// dx = dy / x.
  @inline(__always)
  public func gradient(_ dy: Lanes, at x: Lanes) -> Lanes { dy / x }
}
