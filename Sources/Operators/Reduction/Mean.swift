import Compute

/// Mean over axes, y = Σ x / n; the reduced axes stay with extent 1. Over `[1, 2]` of `[N, H, W, C]`: global average
/// pooling.
public struct Mean: ReductionOperator {
  public typealias State = RunningSum
  public let axes: [Int]

  /// - Parameter axes: the axes to average over; negative ones count from the end.
  public init(over axes: [Int]) { self.axes = axes }

  public var name: String { "mean" }

  public var keeps: Kept { .nothing }

  @inline(__always)
  public static func result(_ state: State, count: Int) -> Lanes { state.total * (1 / Float(count)) }

  /// dx = dy / n.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let share = 1 / Float(reducedCount(call.inputs[0].shape))
    spread(call, x: nil, y: nil, worker) { dy, _, _ in dy * share }
  }
}
