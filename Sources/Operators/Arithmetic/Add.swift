import Compute

/// Sum of two tensors with broadcasting, y = a + b; da = db = dy.
public struct Add: BroadcastOperator {
  public init() {}

  public var name: String { "add" }
  public static var verb: String { "add" }
  public static var readsOperands: Bool { false }

  @inline(__always)
  public static func value(_ a: Lanes, _ b: Lanes) -> Lanes { a + b }

  @inline(__always)
  public static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { dy }

  @inline(__always)
  public static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { dy }
}
