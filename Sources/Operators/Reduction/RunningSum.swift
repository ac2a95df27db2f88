import Compute

/// A sum and what was lost when sums were merged.
public struct RunningSum: ReductionState {
  public private(set) var first: Lanes
  public private(set) var second: Lanes

  @inline(__always)
  public init(first: Lanes, second: Lanes) {
    self.first = first
    self.second = second
  }

  @inline(__always)
  public static var empty: RunningSum { RunningSum(first: Lanes(repeating: 0), second: Lanes(repeating: 0)) }
  public static var absent: Float { 0 }

  @inline(__always)
  public mutating func take(_ x: Lanes, at positions: Lanes) { first += x }

  /// Hundreds of tiles are merged one after another: the rounding of each addition is kept (Knuth's TwoSum), exactly.
  @inline(__always)
  public mutating func merge(_ other: RunningSum) {
    let sum = first + other.first
    let back = sum - first
    second += other.second + ((first - (sum - back)) + (other.first - back))
    first = sum
  }

  /// The sum with all that was lost.
  @inline(__always)
  var total: Lanes { first + second }
}
