import Compute

/// Piecewise quadratic swish, y = x relu6(x + 3) / 6 (Howard et al., ICCV 2019, section 5.2); any shape.
public struct HardSwish: ElementFunction {
  public init() {}

  public var name: String { "hard_swish" }

  public static var derivativeReads: DerivativeArgument { .input }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x * (x + 3).limited(0, 6) * (1 / 6) }

  /// dx = dy (2x + 3) / 6 for -3 < x < 3, 0 below, dy above.
  @inline(__always)
  public func gradient(_ dy: Lanes, at x: Lanes) -> Lanes {
    let slope = (2 * x + 3) * (1 / 6)
    return dy * slope.replacing(with: 0, where: x .<= -3).replacing(with: 1, where: x .>= 3)
  }
}
