/// Adds up numbers over all replicas of a step in the middle of a pass, for operators whose result depends on samples
/// that other replicas have.
///
/// Every replica makes the same calls in the same order. Nothing is thrown: an operator in the middle of a pass could do
/// nothing about it. Whoever implements this ends the step instead.
public protocol ReplicaSums: AnyObject, Sendable {
  /// Replaces `values` by their sums. Called by one worker while the others wait.
  func sum(_ values: UnsafeMutableBufferPointer<Double>)
}
