import Compute

/// Sum over axes, y = Σ x; the reduced axes stay with extent 1.
public struct Sum: ReductionOperator {
  public typealias State = RunningSum
  public let axes: [Int]

  /// - Parameter axes: the axes to sum over; negative ones count from the end.
  public init(over axes: [Int]) { self.axes = axes }

  public var name: String { "sum" }

  public var keeps: Kept { .nothing }

  @inline(__always)
  public static func result(_ state: State, count: Int) -> Lanes { state.total }

  /// dx = dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    spread(call, x: nil, y: nil, worker) { dy, _, _ in dy }
  }
}
