/// An error in the middle of the training, with the step in which it happened.
public struct StepFailure: Error, CustomStringConvertible {
  /// Counted from 1.
  public let step: Int
  public let cause: any Error

  public var description: String { "step \(step): \(cause)" }
}
