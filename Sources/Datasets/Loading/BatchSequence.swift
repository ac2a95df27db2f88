/// What a batch is: the part of one replica in one step of one epoch.
public struct BatchAddress: Hashable, Sendable {
  /// Counted from 0.
  public let epoch: Int
  /// The step within the epoch, counted from 0.
  public let step: Int
  public let replica: Int

  public init(epoch: Int, step: Int, replica: Int) {
    self.epoch = epoch
    self.step = step
    self.replica = replica
  }
}

/// The batches that one rank loads, in the order in which it needs them: for each step, each of its replicas in turn.
///
/// A sequence is arithmetic: a resume is the same sequence with another start.
public struct BatchSequence: Hashable, Sendable {
  public let schedule: BatchSchedule
  /// The replicas that this rank runs.
  public let replicas: Range<Int>
  /// The key of order and augmentation.
  public let seed: UInt64
  /// Whether each epoch has an order of its own; otherwise samples come in their natural order.
  public let isShuffled: Bool
  private let firstStep: Int
  private let endStep: Int

  /// - Parameters:
  ///   - replicas: those that this rank runs.
  ///   - start: the epoch and the step within it of the first batch; a step at the epoch's end starts the next epoch.
  ///   - endEpoch: the first epoch that is no longer loaded.
  public init(
    _ schedule: BatchSchedule, replicas: Range<Int>, seed: UInt64, isShuffled: Bool,
    start: (epoch: Int, step: Int) = (0, 0), endEpoch: Int
  ) {
    precondition(
      replicas.lowerBound >= 0 && replicas.upperBound <= schedule.replicas,
      "replicas \(replicas) of \(schedule.replicas)")
    precondition(start.epoch >= 0 && start.step >= 0, "start at epoch \(start.epoch), step \(start.step)")
    self.schedule = schedule
    self.replicas = replicas
    self.seed = seed
    self.isShuffled = isShuffled
    firstStep = start.epoch * schedule.stepsPerEpoch + start.step
    endStep = max(endEpoch * schedule.stepsPerEpoch, firstStep)
  }

  /// One pass over the samples in their natural order: the share of one rank in an evaluation.
  public init(evaluating schedule: BatchSchedule, rank: Int) {
    self.init(schedule, replicas: rank..<rank + 1, seed: 0, isShuffled: false, endEpoch: 1)
  }

  /// The number of batches.
  public var count: Int { (endStep - firstStep) * replicas.count }

  /// The address of the batch with number `ordinal`, 0..<count.
  public subscript(ordinal: Int) -> BatchAddress {
    precondition(ordinal >= 0 && ordinal < count, "batch \(ordinal) of \(count)")
    let (steps, replica) = ordinal.quotientAndRemainder(dividingBy: replicas.count)
    let (epoch, step) = (firstStep + steps).quotientAndRemainder(dividingBy: schedule.stepsPerEpoch)
    return BatchAddress(epoch: epoch, step: step, replica: replicas.lowerBound + replica)
  }

  /// The order in which `epoch` visits the samples.
  public func order(ofEpoch epoch: Int) -> EpochOrder {
    EpochOrder(
      count: schedule.sampleCount, seed: seed, epoch: epoch, isShuffled: isShuffled,
      framesPerClip: schedule.framesPerClip)
  }
}
