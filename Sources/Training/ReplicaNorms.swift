import Communication
import Operators

/// The sums of synchronised norms over the ranks of a run, one replica a rank, in their turn between gradient buckets.
final class ReplicaNorms: ReplicaSums, @unchecked Sendable {
  /// Set before the first step.
  var queue: ReductionQueue?

  /// What goes wrong here is thrown by whoever next waits for the queue, at the end of the step at the latest.
  func sum(_ values: UnsafeMutableBufferPointer<Double>) {
    try? queue?.run("batch norm") { try $0.allReduce("batch norm", values, .sum) }
  }
}
