import Compute

/// Piecewise linear sigmoid, y = relu6(x + 3) / 6 (Howard et al., ICCV 2019, section 5.2); any shape.
public struct HardSigmoid: ElementFunction {
  public init() {}

  public var name: String { "hard_sigmoid" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { (x + 3).limited(0, 6) * (1 / 6) }

  /// dx = dy / 6 where 0 < y < 1.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes {
    (dy * (1 / 6)).kept(between: 0, 1, at: y)
  }
}
