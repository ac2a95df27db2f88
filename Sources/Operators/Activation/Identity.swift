import Compute

/// Nothing, y = x: the activation of a fused operator that has none.
struct Identity: ElementFunction {
  var name: String { "identity" }

  static var derivativeReads: DerivativeArgument { .neither }

  @inline(__always)
  func value(_ x: Lanes) -> Lanes { x }

  @inline(__always)
  func gradient(_ dy: Lanes, at argument: Lanes) -> Lanes { dy }
}
