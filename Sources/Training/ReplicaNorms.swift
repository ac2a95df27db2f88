import Communication
import Operators

/// The sums of synchronised norms over the ranks of a run, one replica a rank, in their turn between gradient buckets.
package final class ReplicaNorms: ReplicaSums, @unchecked Sendable {
  package init() {}

  /// Set before the first step.
  package var queue: ReductionQueue?

  /// What goes wrong here is thrown by whoever next waits for the queue, at the end of the step at the latest.
  package func sum(_ values: UnsafeMutableBufferPointer<Double>) {
    try? queue?.run("batch norm") { try $0.allReduce("batch norm", values, .sum) }
  }
}
