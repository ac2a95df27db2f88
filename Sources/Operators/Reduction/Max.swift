import Compute

/// Maximum over axes, y = max x; the reduced axes stay with extent 1. Over `[1, 2]` of `[N, H, W, C]`: global max
/// pooling.
///
/// Output 0 is the maximum, output 1 the position of the first element that reaches it, counted along the reduced axes
/// in row-major order; NaN counts as larger than every number. The whole gradient goes to that element. Keeping the
/// position is cheaper than finding it again: the backward pass then reads no x at all, and x need not be kept.
public struct Max: ReductionOperator {
  public let axes: [Int]

  /// - Parameter axes: the axes to reduce; negative ones count from the end.
  public init(over axes: [Int]) { self.axes = axes }

  public var name: String { "max" }

  /// - Throws: `ShapeError` for an axis that is not there, and for more than 2^24 elements a result: a float counts no
  ///   further.
  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let shape = try reducedShape(inputs[0])
    guard reducedCount(inputs[0]) <= 1 << 24 else {
      throw ShapeError(
        "cannot take the maximum of \(inputs[0]) over axes \(axes): at most 16777216 elements go into one")
    }
    return [shape, shape]
  }

  public var keeps: Kept { Kept(outputs: [1]) }

  @inline(__always)
  public static func result(_ state: State, count: Int) -> Lanes { state.largest }

  /// dx = dy at the kept position, 0 elsewhere.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0] else { return }
    let shape = call.inputs[0].shape, positions = call.outputs[1].pointer
    if !dx.accumulates {
      for range in worker.ranges(shape.count, by: 65_536) {
        (dx.pointer + range.lowerBound).update(repeating: 0, count: range.count)
      }
      worker.barrier()
    }
    let own = StridedAxes(shape) { !reduces($0, of: shape) }
    let reduced = StridedAxes(shape) { reduces($0, of: shape) }
    for range in worker.ranges(dy.count, by: 1_024) {
      for element in range {
        dx.pointer[own.offset(of: element) + reduced.offset(of: Int(positions[element]))] += dy.pointer[element]
      }
    }
  }

  /// The largest element so far and where it is.
  ///
  /// Nothing yet is -infinity at position 0: what is taken must be larger, so it stays only where there is nothing else,
  /// and the first of those is at 0.
  public struct State: ReductionState {
    var largest: Lanes
    var position: Lanes

    @inline(__always)
    public init(first: Lanes, second: Lanes) {
      largest = first
      position = second
    }

    public var first: Lanes { @inline(__always) get { largest } }
    public var second: Lanes { @inline(__always) get { position } }

    @inline(__always)
    public static var empty: State {
      State(first: Lanes(repeating: -.infinity), second: Lanes(repeating: 0))
    }
    public static var absent: Float { -.infinity }

    @inline(__always)
    public mutating func take(_ x: Lanes, at positions: Lanes) {
      let wins = beats(x, largest)
      largest.replace(with: x, where: wins)
      position.replace(with: positions, where: wins)
    }

    /// The larger; of equal ones (two NaN count as equal) the earlier.
    @inline(__always)
    public mutating func merge(_ other: State) {
      let mine = largest .== largest, theirs = other.largest .== other.largest
      let isLarger = (other.largest .> largest) .| (mine .& .!theirs)
      let isEqual = (other.largest .== largest) .| (.!mine .& .!theirs)
      let wins = isLarger .| (isEqual .& (other.position .< position))
      largest.replace(with: other.largest, where: wins)
      position.replace(with: other.position, where: wins)
    }

    @inline(__always)
    public func acrossLanes() -> State {
      let isNumber = largest .== largest
      let hasNaN = Lanes(repeating: 1).replacing(with: 0, where: isNumber).total > 0
      let winner = hasNaN ? .nan : largest.largest
      let isWinner = hasNaN ? .!isNumber : largest .== winner
      let earliest = -(-Lanes(repeating: .infinity).replacing(with: position, where: isWinner)).largest
      return State(first: Lanes(repeating: winner), second: Lanes(repeating: earliest))
    }
  }
}

/// Where x, which comes later, takes the place of the largest so far: where it is larger, or the first NaN.
///
/// (For inner loops, which would call `Max.State.take`.)
@inline(__always)
func beats(_ x: Lanes, _ largest: Lanes) -> SIMDMask<SIMD16<Int32>> { .!(x .<= largest) .& (largest .== largest) }
