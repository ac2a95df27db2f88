/// Which positions of an epoch's order belong to which step and replica: arithmetic only, alike on every rank.
///
/// Every position of an epoch belongs to exactly one (step, replica), or to none where a short last batch is dropped.
/// The number of steps is the same for all replicas by construction; a replica without samples takes part with weight
/// zero.
public struct BatchSchedule: Hashable, Sendable {
  /// The number of samples in an epoch.
  public let sampleCount: Int
  /// The number of replicas (in training) or ranks (in evaluation) that share a step.
  public let replicas: Int
  /// The largest number of samples that one replica has in one step.
  public let replicaBatch: Int
  /// The number of steps in an epoch.
  public let stepsPerEpoch: Int
  /// How many times a step has each of its samples.
  public let repeats: Int
  /// Samples that a batch has all or none of.
  public let framesPerClip: Int
  private let purpose: Purpose

  private enum Purpose: Hashable { case training, evaluation }

  /// The samples of one step over all replicas.
  public var globalBatch: Int { replicaBatch * replicas }

  /// Training: each step takes the next `globalBatch` positions and deals them to the replicas in contiguous, equal
  /// parts. A short last batch is dealt as evenly as possible, or dropped.
  /// - Parameter repeats: how many times a step has each of its samples (repeated augmentation: Hoffer et al., CVPR
  ///   2020). An epoch is as long as without, and so sees one in `repeats` of the samples.
  /// - Throws: `BatchScheduleError` when the batch does not divide over the replicas, or not into whole clips, or the
  ///   samples do not suffice.
  public init(
    sampleCount: Int, globalBatch: Int, replicas: Int, dropsShortBatch: Bool = false, repeats: Int = 1,
    framesPerClip: Int = 1
  ) throws {
    precondition(replicas > 0 && repeats > 0, "\(replicas) replicas, \(repeats) times each sample")
    precondition(
      framesPerClip > 0 && sampleCount % framesPerClip == 0, "\(sampleCount) samples in clips of \(framesPerClip)")
    guard globalBatch > 0, globalBatch % replicas == 0 else {
      throw BatchScheduleError.batchNotDivisible(globalBatch: globalBatch, replicas: replicas)
    }
    guard globalBatch / replicas % framesPerClip == 0 else {
      throw BatchScheduleError.splitsClips(globalBatch: globalBatch, replicas: replicas, framesPerClip: framesPerClip)
    }
    guard sampleCount >= replicas else {
      throw BatchScheduleError.fewerSamplesThanReplicas(samples: sampleCount, replicas: replicas)
    }
    guard sampleCount >= globalBatch else {
      throw BatchScheduleError.batchLargerThanDataset(globalBatch: globalBatch, samples: sampleCount)
    }
    self.sampleCount = sampleCount
    self.replicas = replicas
    self.repeats = repeats
    self.framesPerClip = framesPerClip
    replicaBatch = globalBatch / replicas
    stepsPerEpoch = dropsShortBatch ? sampleCount / globalBatch : (sampleCount + globalBatch - 1) / globalBatch
    purpose = .training
  }

  /// Evaluation: the samples are cut into batches of `batch` whatever the number of ranks, and each rank takes a
  /// contiguous share of whole batches, so that every number is computed from the same batch on 1 rank and on 64, and
  /// there is one short batch at most. In batches of clips `batch` is a multiple of a clip's frames.
  public init(evaluating sampleCount: Int, batch: Int, ranks: Int) {
    precondition(sampleCount >= 0 && batch > 0 && ranks > 0, "\(sampleCount) samples, batch \(batch), \(ranks) ranks")
    self.sampleCount = sampleCount
    replicas = ranks
    repeats = 1
    framesPerClip = 1
    replicaBatch = batch
    let batches = (sampleCount + batch - 1) / batch
    stepsPerEpoch = (batches + ranks - 1) / ranks
    purpose = .evaluation
  }

  /// The positions of the epoch's order that `replica` has in `step`; empty where there are none left for it.
  public func positions(step: Int, replica: Int) -> Range<Int> {
    precondition(step >= 0 && step < stepsPerEpoch, "step \(step) of \(stepsPerEpoch)")
    precondition(replica >= 0 && replica < replicas, "replica \(replica) of \(replicas)")
    switch purpose {
    case .training:
      let start = step * globalBatch
      let clips = min(globalBatch, sampleCount - start) / framesPerClip
      func share(_ replica: Int) -> Int { start + clips * replica / replicas * framesPerClip }
      return share(replica)..<share(replica + 1)
    case .evaluation:
      let batches = (sampleCount + replicaBatch - 1) / replicaBatch
      let batch = batches * replica / replicas + step
      let end = batches * (replica + 1) / replicas
      guard batch < end else { return sampleCount..<sampleCount }
      return batch * replicaBatch..<min((batch + 1) * replicaBatch, sampleCount)
    }
  }

  /// What stands at a position of an epoch: a position in the epoch's order, and which time it is that the step has this
  /// sample, from 0 on.
  ///
  /// A step with n positions has the next n / `repeats` samples of the order, rounded up, one after the other, and then
  /// again: a replica's part holds different samples as long as it can, as where timm deals the copies to the ranks.
  public func visit(at position: Int) -> (position: Int, copy: Int) {
    guard repeats > 1 else { return (position, 0) }
    let (step, place) = position.quotientAndRemainder(dividingBy: globalBatch)
    let held = min(globalBatch, sampleCount - step * globalBatch)
    let (copy, sample) = place.quotientAndRemainder(dividingBy: distinct(held))
    return (step * distinct(globalBatch) + sample, copy)
  }

  /// The different samples among `count` positions of one step: whole clips.
  private func distinct(_ count: Int) -> Int { (count / framesPerClip + repeats - 1) / repeats * framesPerClip }

  /// Whether some replica has no sample in `step`.
  public func leavesAReplicaEmpty(inStep step: Int) -> Bool {
    (0..<replicas).contains { positions(step: step, replica: $0).isEmpty }
  }

  /// The number of samples that all replicas together have in `step`.
  public func sampleCount(inStep step: Int) -> Int {
    (0..<replicas).reduce(0) { $0 + positions(step: step, replica: $1).count }
  }
}

/// A batch size that does not go with the number of replicas or samples.
public enum BatchScheduleError: Error, Hashable, Sendable, CustomStringConvertible {
  case batchNotDivisible(globalBatch: Int, replicas: Int)
  case fewerSamplesThanReplicas(samples: Int, replicas: Int)
  case batchLargerThanDataset(globalBatch: Int, samples: Int)
  /// Samples are mixed in pairs, and a replica has an odd number of them.
  case unpaired(globalBatch: Int, replicas: Int)
  /// A replica would have a part of a clip.
  case splitsClips(globalBatch: Int, replicas: Int, framesPerClip: Int)

  /// The multiple of `replicas` nearest to `globalBatch`, the larger of two equally near ones.
  static func nearestBatch(to globalBatch: Int, replicas: Int) -> Int {
    max((globalBatch + replicas / 2) / replicas * replicas, replicas)
  }

  public var description: String {
    switch self {
    case .batchNotDivisible(let globalBatch, let replicas):
      let nearest = Self.nearestBatch(to: globalBatch, replicas: replicas)
      return "a batch of \(globalBatch) cannot be dealt evenly to \(replicas) replicas; "
        + "the nearest that can is \(nearest)"
    case .fewerSamplesThanReplicas(let samples, let replicas):
      return "\(samples) samples are too few for \(replicas) replicas: each needs one at least"
    case .batchLargerThanDataset(let globalBatch, let samples):
      return "a batch of \(globalBatch) is larger than the whole data set of \(samples) samples"
    case .unpaired(let globalBatch, let replicas):
      let nearest = Self.nearestBatch(to: globalBatch, replicas: 2 * replicas)
      return "data.mix mixes the samples of a replica in pairs, and a batch of \(globalBatch) gives each of "
        + "\(replicas) replicas \(globalBatch / replicas); the nearest that is even is \(nearest)"
    case .splitsClips(let globalBatch, let replicas, let framesPerClip):
      let nearest = Self.nearestBatch(to: globalBatch, replicas: replicas * framesPerClip)
      return "a batch of \(globalBatch) gives each of \(replicas) replicas \(globalBatch / replicas) frames, which are "
        + "no whole clips of \(framesPerClip); the nearest that are is \(nearest)"
    }
  }
}
