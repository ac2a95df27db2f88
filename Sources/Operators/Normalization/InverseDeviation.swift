import Compute

/// y = 1 / sqrt(x + epsilon): what a norm with given statistics multiplies by; x is a variance, any shape.
public struct InverseDeviation: ElementFunction {
  public let epsilon: Float

  public init(epsilon: Float = 1e-5) { self.epsilon = epsilon }

  public var name: String { "inverse_deviation" }

  public static var derivativeReads: DerivativeArgument { .output }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { 1 / (x + epsilon).squareRoot() }

  /// dx = -dy y³ / 2.
  @inline(__always)
  public func gradient(_ dy: Lanes, at y: Lanes) -> Lanes { dy * (y * y * y) * -0.5 }
}
