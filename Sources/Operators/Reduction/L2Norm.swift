import Compute

/// Euclidean norm over axes, y = √Σ x²; the reduced axes stay with extent 1. CBAM's `lp` statistic (the sum, not the
/// mean).
public struct L2Norm: ReductionOperator {
  public let axes: [Int]

  /// - Parameter axes: the axes to take the norm over; negative ones count from the end.
  public init(over axes: [Int]) { self.axes = axes }

  public var name: String { "l2_norm" }

  public var keeps: Kept { Kept(inputs: [0], outputs: [0]) }

  @inline(__always)
  public static func result(_ state: State, count: Int) -> Lanes { state.sum.total.squareRoot() }

  /// dx = dy x / y, and 0 where y = 0, the smallest of the subgradients there.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    spread(call, x: call.inputs[0].pointer, y: call.outputs[0].pointer, worker) { dy, x, y in
      (dy * x / y).replacing(with: 0, where: y .== 0)
    }
  }

  /// The sum of squares.
  public struct State: ReductionState {
    var sum: RunningSum

    @inline(__always)
    public init(first: Lanes, second: Lanes) { sum = RunningSum(first: first, second: second) }

    public var first: Lanes { @inline(__always) get { sum.first } }
    public var second: Lanes { @inline(__always) get { sum.second } }

    @inline(__always)
    public static var empty: State { State(first: Lanes(repeating: 0), second: Lanes(repeating: 0)) }
    public static var absent: Float { 0 }

    @inline(__always)
    public mutating func take(_ x: Lanes, at positions: Lanes) { sum.take(x * x, at: positions) }

    @inline(__always)
    public mutating func merge(_ other: State) { sum.merge(other.sum) }
  }
}
