import Compute

/// The sum of squares of lanes that come one after another, in double precision and in an order that the lanes alone
/// decide.
struct SumOfSquares {
  // Two sums in flight: one would wait four cycles for itself at every step.
  private var low = SIMD8<Double>(repeating: 0)
  private var high = SIMD8<Double>(repeating: 0)

  @inline(__always)
  mutating func add(_ lanes: Lanes) {
    let a = SIMD8<Double>(lanes.lowHalf)
    let b = SIMD8<Double>(lanes.highHalf)
    low.addProduct(a, a)
    high.addProduct(b, b)
  }

  var total: Double { (low + high).sum() }
}

/// The sum of squares of `count` values.
func sumOfSquares(_ values: UnsafePointer<Float>, _ count: Int) -> Double {
  var sum = SumOfSquares()
  for offset in stride(from: 0, to: count, by: 16) { sum.add(values.load(at: offset, min(16, count - offset))) }
  return sum.total
}

/// The sum along a fixed binary tree.
func treeSum(_ sums: Slice<UnsafeMutableBufferPointer<Double>>) -> Double {
  switch sums.count {
  case 0: return 0
  case 1: return sums[sums.startIndex]
  default:
    let middle = sums.startIndex + sums.count / 2
    return treeSum(sums[..<middle]) + treeSum(sums[middle...])
  }
}
