import Compute

/// What one look at a tensor tells.
struct ValueScan {
  var low = Float.infinity
  var high = -Float.infinity
  var total = 0.0
  /// The element of the largest magnitude among the finite ones, and that magnitude; 0 where there is none.
  var largestIndex = 0
  var largest: Float = 0
  /// The elements that are not finite: how many, and the first.
  var badCount = 0
  var firstBad: Int?

  init(_ view: TensorView) {
    for index in 0..<view.count {
      let value = view[index]
      guard value.isFinite else {
        badCount += 1
        if firstBad == nil { firstBad = index }
        continue
      }
      low = min(low, value)
      high = max(high, value)
      total += Double(value)
      if value.magnitude > largest { (largest, largestIndex) = (value.magnitude, index) }
    }
  }
}

/// Where in a replica's step a value stands.
public enum StepPass: String, Hashable, Sendable {
  case input, forward, backward
}
