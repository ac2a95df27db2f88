import Compute

/// The activations that fused operators apply in their pass: y = min(max(x, low), high) with constant ends.
///
/// Identity, ReLU and ReLU6 are one kernel with other numbers. A kernel that is generic over the activation came out of
/// the compiler with a call for every sixteen elements: 1.8 times the time.
public enum Clamp: Hashable, Sendable {
  case identity, relu, relu6

  /// The fused form of an activation that has one.
  public init?(_ subject: any Operator) {
    switch subject {
    case is ReLU: self = .relu
    case is ReLU6: self = .relu6
    default: return nil
    }
  }

  /// The two ends, in every lane.
  struct Bounds {
    let low, high: Lanes

    @inline(__always)
    init(_ activation: Clamp) {
      low = Lanes(repeating: activation == .identity ? -.infinity : 0)
      high = Lanes(repeating: activation == .relu6 ? 6 : .infinity)
    }

    /// y; NaN stays NaN.
    @inline(__always)
    func value(_ x: Lanes) -> Lanes { x.limited(low, high) }

    /// dx = dy between the ends, 0 at them and beyond; `argument` is x or y.
    @inline(__always)
    func gradient(_ dy: Lanes, at argument: Lanes) -> Lanes { dy.kept(between: low, high, at: argument) }
  }
}
