import Compute

/// Exponential function, y = e^x; any shape.
public struct Exponential: ElementFunction {
  public init() {}

  public var name: String { "exponential" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.exponential }

  /// dx = dy y.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy * y }
}
