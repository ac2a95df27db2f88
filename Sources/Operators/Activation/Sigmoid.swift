import Compute

/// Logistic function, y = 1 / (1 + e^-x); any shape.
public struct Sigmoid: ElementFunction {
  public init() {}

  public var name: String { "sigmoid" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.logistic }

  /// dx = dy y (1 - y).
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy * y * (1 - y) }
}
