import Compute

/// Logarithm of the sum of exponentials over axes, y = m + ln Σ e^(x - m) with m = max x; the reduced axes stay with
/// extent 1. Neither large nor small x overflow.
public struct LogSumExp: ReductionOperator {
  public let axes: [Int]

  /// - Parameter axes: the axes to reduce; negative ones count from the end.
  public init(over axes: [Int]) { self.axes = axes }

  public var name: String { "log_sum_exp" }

  public var keeps: Kept { Kept(inputs: [0], outputs: [0]) }

  @inline(__always)
  public static func result(_ state: State, count: Int) -> Lanes { state.largest + state.sum.logarithm }

  /// dx = dy e^(x - y).
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    spread(call, x: call.inputs[0].pointer, y: call.outputs[0].pointer, worker) { dy, x, y in
      dy * (x - y).exponential
    }
  }

  /// The largest element and the sum relative to it, corrected as a larger one comes: one pass, one exponential an
  /// element.
  public struct State: ReductionState {
    var largest: Lanes
    var sum: Lanes

    @inline(__always)
    public init(first: Lanes, second: Lanes) {
      largest = first
      sum = second
    }

    public var first: Lanes { @inline(__always) get { largest } }
    public var second: Lanes { @inline(__always) get { sum } }

    // The least finite number instead of -infinity: a difference of two infinities would be NaN.
    @inline(__always)
    public static var empty: State {
      State(first: Lanes(repeating: -Float.greatestFiniteMagnitude), second: Lanes(repeating: 0))
    }
    public static var absent: Float { -.infinity }

    @inline(__always)
    public mutating func take(_ x: Lanes, at positions: Lanes) {
      let isLarger = x .> largest
      let decay = (-(x - largest).magnitude).exponential
      sum = (sum + decay).replacing(with: sum * decay + 1, where: isLarger)
      largest.replace(with: x, where: isLarger)
    }

    @inline(__always)
    public mutating func merge(_ other: State) {
      let isLarger = other.largest .> largest
      let decay = (-(other.largest - largest).magnitude).exponential
      sum = (sum + other.sum * decay).replacing(with: sum * decay + other.sum, where: isLarger)
      largest.replace(with: other.largest, where: isLarger)
    }
  }
}
