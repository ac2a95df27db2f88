import Compute

/// Quotient of two tensors with broadcasting, y = a / b; da = dy / b, db = -dy a / b².
public struct Divide: BroadcastOperator {
  public init() {}

  public var name: String { "divide" }
  public static var verb: String { "divide" }
  public static var readsOperands: Bool { true }

  @inline(__always)
  public static func value(_ a: Lanes, _ b: Lanes) -> Lanes { a / b }

  @inline(__always)
  public static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { dy / b }

  @inline(__always)
  public static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { -dy * a / (b * b) }
}
