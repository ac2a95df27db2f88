/// What the replay of a step found.
public struct ReplayResult: Sendable {
  /// A sample of the step.
  public struct Sample: Hashable, Sendable {
    public let replica: Int
    /// Its place in the replica's batch.
    public let position: Int
    /// In the data set.
    public let index: Int
    public let name: String
  }

  /// The largest magnitude that a node wrote.
  public struct Visit: Hashable, Sendable {
    public let path: String
    public let pass: StepPass
    public let largest: Float
    /// Whose value that was, where the first axis counts samples.
    public let sample: Sample?
  }

  /// The first tensor of a replica with a number that is not finite.
  public struct BadValue: Sendable {
    public let path: String
    public let pass: StepPass
    /// The first such number.
    public let value: Float
    public let replica: Int
    /// The rank that ran it.
    public let rank: Int
    public let shape: [Int]
    public let badCount: Int
    /// Whose numbers are not finite, where the first axis counts samples.
    public let samples: [Sample]
    /// The one such sample; where there are several, or where samples have been mixed, the one with the largest value
    /// in the nodes just before.
    public let suspect: Sample?
  }

  /// One replica's loss, a sum over its samples.
  public struct Replica: Sendable {
    public let samples: Int
    public let rank: Int
    public let loss: Double
    public let recorded: Double
    /// Whether something in it was not finite.
    public let isBad: Bool
    /// Whether the bits are those of the run; NaN is NaN.
    public var isAsRecorded: Bool { loss == recorded || (loss.isNaN && recorded.isNaN) }
  }

  public let info: CapsuleInfo
  /// By number.
  public let replicas: [Replica]
  public let loss: Double
  public let gradientNorm: Double
  /// The earliest bad tensor of the step; of several replicas that have it the first.
  public let badValue: BadValue?
  /// The nodes before it in that replica, oldest first.
  public let trail: [Visit]
  /// The first parameter or running statistic that was not finite before the step.
  public let badWeight: String?
  /// The first gradient, or new running statistic, that is not finite only as the sum over replicas.
  public let overflow: String?
  /// The largest finite magnitude of all.
  public let largest: Visit?
  /// The samples with the largest losses, worst first; empty where the task has no loss of a sample.
  public let worst: [(sample: Sample, loss: Double)]
  /// Whether the summed gradients have the bits of the run; `nil` where that cannot be asked.
  public let gradientsAreAsRecorded: Bool?

  public var isFinite: Bool { badValue == nil && overflow == nil && badWeight == nil }
  public var isAsRecorded: Bool { replicas.allSatisfy(\.isAsRecorded) && gradientsAreAsRecorded != false }
}
