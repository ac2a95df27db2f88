import Compute

/// Difference of two tensors with broadcasting, y = a - b; da = dy, db = -dy.
public struct Subtract: BroadcastOperator {
  public init() {}

  public var name: String { "subtract" }
  public static var verb: String { "subtract" }
  public static var readsOperands: Bool { false }

  @inline(__always)
  public static func value(_ a: Lanes, _ b: Lanes) -> Lanes { a - b }

  @inline(__always)
  public static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { dy }

  @inline(__always)
  public static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { -dy }
}
