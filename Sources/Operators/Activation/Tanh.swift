import Compute

/// Hyperbolic tangent, y = tanh x; any shape.
public struct Tanh: ElementFunction {
  public init() {}

  public var name: String { "tanh" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.hyperbolicTangent }

  /// dx = dy (1 - y²), as a product that keeps its digits where y is near 1.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy * (1 - y) * (1 + y) }
}
