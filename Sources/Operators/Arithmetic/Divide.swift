import Compute

/// Quotient of two tensors with broadcasting, y = a / b; da = dy / b, db = -dy a / b².
///
/// Where dy is 0 both gradients are, whatever b is: the lanes past a row's end hold zeros and are summed with the rest.
public struct Divide: BroadcastOperator {
  public init() {}

  public var name: String { "divide" }
  public static var verb: String { "divide" }
  public static var readsOperands: Bool { true }

  @inline(__always)
  public static func value(_ a: Lanes, _ b: Lanes) -> Lanes { a / b }

  @inline(__always)
  public static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes {
    (dy / b).replacing(with: 0, where: dy .== 0)
  }

  @inline(__always)
  public static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes {
    (-dy * a / (b * b)).replacing(with: 0, where: dy .== 0)
  }
}
