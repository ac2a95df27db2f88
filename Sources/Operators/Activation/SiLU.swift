import Compute

/// Sigmoid-weighted linear unit or swish, y = x σ(x) (Elfwing, Uchibe, Doya 2017; Ramachandran et al. 2017); any shape.
public struct SiLU: ElementFunction {
  public init() {}

  public var name: String { "silu" }

  public static var derivativeReads: DerivativeArgument { .input }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes { x * x.logistic }

  /// dx = dy σ(x) (1 + x (1 - σ(x))).
  @inline(__always)
  public func gradient(_ dy: Lanes, at x: Lanes) -> Lanes {
    let s = x.logistic
    return dy * s * (1 + x * (1 - s))
  }
}
