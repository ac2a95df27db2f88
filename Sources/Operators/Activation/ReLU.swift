import Compute

/// Rectified linear unit, y = max(x, 0); any shape. NaN stays NaN.
public struct ReLU: ElementFunction {
  public init() {}

  public var name: String { "relu" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x.replacing(with: 0, where: x .< 0) }

  /// dx = dy where y > 0.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy.replacing(with: 0, where: y .<= 0) }
}
