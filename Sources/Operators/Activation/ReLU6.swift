import Compute

/// Rectified linear unit with a ceiling, y = min(max(x, 0), 6) (Howard et al., MobileNets, 2017); any shape.
public struct ReLU6: ElementFunction {
  public init() {}

  public var name: String { "relu6" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.limited(0, 6) }

  /// dx = dy where 0 < y < 6.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy.kept(between: 0, 6, at: y) }
}
