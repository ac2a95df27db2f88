import Configuration
import Datasets

/// How long a run is and how it is shared out: its batches, which rank has which replicas, where it begins and ends.
struct RunCourse {
  let schedule: BatchSchedule
  let assignment: ReplicaAssignment
  let totalSteps: Int
  /// Steps that are done when this process begins.
  let firstStep: Int
  /// The step that this process ends with; before `totalSteps` where it was told to do a few only.
  let lastStep: Int

  /// - Parameters:
  ///   - resumed: the checkpoint that the run goes on from.
  ///   - limit: steps for this process to do.
  /// - Throws: `ReplicaError` and `BatchScheduleError` for what does not go together.
  init(_ experiment: Experiment, resumed: CheckpointInfo?, limit: Int?, ranks: Int) throws {
    let settings = experiment.settings
    assignment = try ReplicaAssignment(
      replicas: settings.replicas == 0 ? resumed?.replicas ?? 0 : settings.replicas, ranks: ranks,
      reduction: settings.reduction,
      demands: settings.demands.union(experiment.synchronizesNorms ? .synchronizedNorms : []))
    schedule = try BatchSchedule(
      sampleCount: experiment.training.count, globalBatch: settings.globalBatch, replicas: assignment.replicas,
      dropsShortBatch: settings.dropsShortBatch, repeats: settings.repeats,
      framesPerClip: experiment.training.framesPerClip)
    if experiment.mixing != nil && schedule.replicaBatch % 2 != 0 {
      throw BatchScheduleError.unpaired(globalBatch: schedule.globalBatch, replicas: schedule.replicas)
    }
    if experiment.synchronizesNorms && ranks > 1,
      (0..<schedule.stepsPerEpoch).contains(where: { [schedule] in schedule.leavesAReplicaEmpty(inStep: $0) })
    {
      throw ReplicaError.emptyReplica(samples: schedule.sampleCount, ranks: ranks)
    }
    totalSteps = experiment.totalSteps(perEpoch: schedule.stepsPerEpoch)
    firstStep = resumed?.step ?? 0
    lastStep = limit.map { [firstStep, totalSteps] in min(firstStep + $0, totalSteps) } ?? totalSteps
  }

  var totalEpochs: Int { epochs(after: totalSteps) }

  /// Epochs begun when `step` steps are done.
  func epochs(after step: Int) -> Int { (step + schedule.stepsPerEpoch - 1) / schedule.stepsPerEpoch }

  func steps(_ interval: Interval) -> Int { interval.steps(perEpoch: schedule.stepsPerEpoch, ofRun: totalSteps) }

  /// Whether something that happens at every `interval` happens after `step` steps; everything does after the last.
  func isDue(_ interval: Interval, after step: Int) -> Bool { isDue(every: steps(interval), after: step) }

  func isDue(every steps: Int, after step: Int) -> Bool { step == lastStep || (steps > 0 && step % steps == 0) }

  /// The batches of one rank, from where the run begins or goes on.
  func sequence(rank: Int, seed: UInt64) -> BatchSequence {
    let (epoch, within) = firstStep.quotientAndRemainder(dividingBy: schedule.stepsPerEpoch)
    return BatchSequence(
      schedule, replicas: assignment.range(rank: rank), seed: seed, isShuffled: true, start: (epoch, within),
      endEpoch: totalEpochs)
  }
}
