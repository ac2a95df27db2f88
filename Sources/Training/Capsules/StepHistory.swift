/// The last steps of a run, and what a loss is measured against.
package struct StepHistory {
  /// Steps that are remembered; a median of fewer than `least` says nothing.
  package static let span = 50
  package static let least = 20

  /// Oldest first.
  package private(set) var steps: [StepOutcome] = []

  package init() {}

  package mutating func add(_ step: StepOutcome) {
    if steps.count == Self.span { steps.removeFirst() }
    steps.append(step)
  }

  /// How many times the median of the losses before it `loss` is, where that makes it a spike: more than `factor`
  /// times, and above every one of them. A loss that is merely noisy, as at the end of a long training, sets records
  /// rarely.
  package func spike(_ loss: Double, factor: Double) -> Double? {
    guard factor > 0, steps.count >= Self.least else { return nil }
    let losses = steps.map(\.loss).sorted(), median = losses[losses.count / 2]
    guard median > 0, loss > factor * median, loss > losses.last! else { return nil }
    return loss / median
  }
}
