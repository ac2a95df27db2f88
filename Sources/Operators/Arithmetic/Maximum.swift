import Compute

/// The larger of two tensors with broadcasting, y = max(a, b); a tie sends half of the gradient to each, as PyTorch
/// does.
public struct Maximum: BroadcastOperator {
  public init() {}

  public var name: String { "maximum" }
  public static var verb: String { "take the maximum of" }
  public static var readsOperands: Bool { true }

  @inline(__always)
  public static func value(_ a: Lanes, _ b: Lanes) -> Lanes {
    // Written as a choice, so that a NaN on either side comes through.
    a.replacing(with: b, where: .!(b .<= a) .& (a .== a))
  }

  @inline(__always)
  public static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { share(dy, of: a, against: b) }

  @inline(__always)
  public static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes { share(dy, of: b, against: a) }

  @inline(__always)
  private static func share(_ dy: Lanes, of x: Lanes, against other: Lanes) -> Lanes {
    dy.replacing(with: dy * 0.5, where: x .== other).replacing(with: 0, where: x .< other)
  }
}
