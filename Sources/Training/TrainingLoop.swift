import Communication
import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Tasks

/// The loop: batches, gradients, update, and now and then an evaluation and a checkpoint.
///
/// Every rank runs it; whatever decides its course (the loss, a request to stop, a metric) is alike on all of them.
/// What rank 0 does beyond that is in `log` and `writer`, which the others do not have.
public final class TrainingLoop {
  /// How a run ended.
  public enum Ending: Sendable { case finished, stopped }

  public let runners: NetworkRunners
  public let update: ParameterUpdate
  public let settings: RunSettings
  public let schedule: BatchSchedule
  public let totalSteps: Int
  /// The step that this process ends with; before `totalSteps` where it was told to do a few only.
  public let lastStep: Int
  let queue: ReductionQueue
  let loader: BatchLoader
  let gradients: GradientStep
  let capsules: CapsuleRecorder
  let evaluation: Evaluation
  let explanations: ExplanationPictures?
  let log: RunLog?
  let writer: CheckpointWriter?
  let stop: StopRequest?
  let trace: StepTrace?
  let assignment: ReplicaAssignment
  let describe: (CheckpointInfo) -> CheckpointInfo
  /// Steps done.
  public internal(set) var step: Int
  var metric: Metric?
  var bestMetric: Double?
  var interval: IntervalClock
  private var skipped = SkippedSamples()
  private let local: LocalSteps
  /// Whether somebody asked to stop while the ranks had parameters of their own.
  private var owesStop = false
  /// Whether the step that the run goes on from still has to be judged, because a stop came in between.
  private var owesEvaluation = false

  init(
    _ runners: NetworkRunners, _ update: ParameterUpdate, _ settings: RunSettings, schedule: BatchSchedule,
    totalSteps: Int, lastStep: Int, queue: ReductionQueue, loader: BatchLoader, capsules: CapsuleRecorder,
    evaluation: Evaluation, explanations: ExplanationPictures?, assignment: ReplicaAssignment,
    exchange: GradientExchange, resumed: CheckpointInfo?, log: RunLog?, writer: CheckpointWriter?,
    stop: StopRequest?, trace: StepTrace?,
    describe: @escaping (CheckpointInfo) -> CheckpointInfo
  ) throws {
    self.runners = runners
    self.update = update
    self.settings = settings
    self.schedule = schedule
    self.totalSteps = totalSteps
    self.lastStep = lastStep
    self.queue = queue
    self.loader = loader
    self.capsules = capsules
    self.evaluation = evaluation
    self.explanations = explanations
    self.assignment = assignment
    step = resumed?.step ?? 0
    bestMetric = resumed?.bestMetric
    if let plateau = resumed?.plateau, update.plateau != nil { update.plateau = plateau }
    self.log = log
    self.writer = writer
    self.stop = stop
    self.trace = trace
    self.describe = describe
    gradients = try GradientStep(
      runners, queue: queue, replicas: assignment.perRank, key: RandomKey(settings.seed).appending("step"),
      exchange: exchange)
    gradients.trace = trace
    local = LocalSteps(
      every: queue.size > 1 ? settings.syncEvery : 1,
      start: settings.syncFrom.steps(perEpoch: schedule.stepsPerEpoch, ofRun: totalSteps))
    interval = IntervalClock(globalBatch: settings.globalBatch)
    owesEvaluation = resumed.map { $0.metric == nil && isDue(settings.evaluateEvery) } ?? false
  }

  /// Trains to the end, or until somebody asks to stop.
  /// - Throws: `LossError`, and `StepFailure` around whatever else goes wrong.
  public func run() throws -> Ending {
    do {
      if owesEvaluation {
        if try evaluate() { return .stopped }
        try save()
      }
      while step < lastStep {
        if try trainStep() {
          try writeTrace()
          try writer?.finish()
          return .stopped
        }
      }
      try writeTrace()
      try writer?.finish()
      return .finished
    } catch let error where !(error is LossError) {
      throw StepFailure(step: step + 1, cause: error)
    }
  }

  /// One step and what is due after it. Returns whether somebody asked to stop; everything is saved then.
  private func trainStep() throws -> Bool {
    try writer?.throwFailure()
    trace?.beginStep()
    enter("data.next")
    let batches = try interval.measuringData { try (0..<assignment.perRank).map { _ in try loader.next()! } }
    let samples = schedule.sampleCount(inStep: batches[0].address.step)
    trace?.enter("gradients")
    let isLocal = local.isLocal(step)
    let outcome = try gradients.run(
      batches, step: step, samples: samples, isStopRequested: isStopRequested, isLocal: isLocal)
    enter("update")
    let norm = try capsules.examine(outcome, of: batches, step: step, samples: samples, isLocal: isLocal)
    try update.apply(step: step, norm: norm, over: queue)
    try endTracedStep()
    step += 1
    interval.add(outcome, samples: samples)
    if isDue(every: settings.logEverySteps) { try report() }

    owesStop = owesStop || outcome.isStopping
    if isLocal {
      let isJoint = local.isDue(after: step) || isDue(settings.evaluateEvery) || isDue(settings.checkpointEvery)
      guard isJoint else { return false }
      enter("means of parameters")
      try update.takeMeans(over: queue)
    }
    queue.whereabouts.enter("evaluation")
    let isStopping = try owesStop || isDue(settings.evaluateEvery) && evaluate()
    queue.whereabouts.enter("checkpoint")
    if isDue(settings.checkpointEvery) || isStopping { try save() }
    return isStopping
  }

  private var isStopRequested: Bool {
    stop?.isRequested(savingTakes: (writer?.seconds ?? 0) + interval.slowestStep) ?? false
  }

  private func enter(_ phase: String) {
    queue.whereabouts.enter(phase, step: step + 1)
    trace?.enter(phase)
  }

  private func endTracedStep() throws {
    guard let trace, !trace.isWritten else { return }
    trace.endStep(queue)
    if trace.isDone { try writeTrace() }
  }

  private func writeTrace() throws {
    guard let trace, !trace.isWritten else { return }
    try trace.write()
    log?.announce(trace.sentence)
  }

  /// Whether something that happens at every `interval` happens after this step; everything does after the last.
  private func isDue(_ interval: Interval) -> Bool { isDue(every: steps(interval)) }

  private func steps(_ interval: Interval) -> Int {
    interval.steps(perEpoch: schedule.stepsPerEpoch, ofRun: totalSteps)
  }

  private func isDue(every steps: Int) -> Bool { step == lastStep || (steps > 0 && step % steps == 0) }

  /// Epochs begun.
  var epoch: Int { (step + schedule.stepsPerEpoch - 1) / schedule.stepsPerEpoch }

  /// Judges the model, and its moving average where there is one. Returns whether somebody asked to stop meanwhile.
  private func evaluate() throws -> Bool {
    let isStopRequested = { [unowned self] in self.isStopRequested }
    let result = try evaluation.run(runners, queue: queue, isStopRequested: isStopRequested)
    if result.wasStopped { return true }
    let averaged = try update.average.map { _ in
      try update.withAverage { try evaluation.run(runners, queue: queue, isStopRequested: isStopRequested) }
    }
    if let averaged, averaged.wasStopped { return true }
    metric = result.metrics.first
    if let metric, bestMetric.map({ metric.isBetterHigher ? metric.value > $0 : metric.value < $0 }) ?? true {
      bestMetric = metric.value
    }
    for sentence in skipped.note(result.broken) { log?.warn(sentence) }
    try log?.evaluation(result, phase: "evaluate", step: step, epoch: epoch, total: evaluation.dataset.count)
    // A run that was told to do a few steps only has an evaluation more, which must not change what it does later.
    let every = steps(settings.evaluateEvery)
    if every > 0, step % every == 0, let sentence = update.judge(result.metrics, after: step) {
      log?.announce(sentence)
    }
    if let averaged {
      try log?.evaluation(averaged, phase: "evaluate_ema", step: step, epoch: epoch, total: evaluation.dataset.count)
    }
    if let log { try explanations?.write(to: log, step: step) }
    interval.restart()
    return false
  }

  private func save() throws {
    let blocks = try update.wholeBlocks(over: queue)
    guard let writer else { return }
    var info = CheckpointInfo(
      step: step, epoch: step / schedule.stepsPerEpoch, stepInEpoch: step % schedule.stepsPerEpoch, seed: settings.seed,
      replicas: assignment.replicas, globalBatch: settings.globalBatch, metric: metric?.value, bestMetric: bestMetric,
      isBetterHigher: metric?.isBetterHigher ?? true, plateau: update.plateau)
    info.convolutions = runners.convolutions
    try writer.write(Snapshot(describe(info), runners.state, blocks: blocks))
    metric = nil
  }

  /// Gathers what the ranks measured since the last report; rank 0 shows it.
  private func report() throws {
    let own = interval.own.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
    let all = try queue.run("step report") { try $0.allGather("step report", own) }
    let report = interval.report(
      all, hosts: queue.hostNames, step: step, totalSteps: totalSteps, epoch: epoch,
      totalEpochs: (totalSteps + schedule.stepsPerEpoch - 1) / schedule.stepsPerEpoch,
      rate: update.rate(step: step - 1))
    for sentence in skipped.note(try queue.gather(loader.broken.samples)) { log?.warn(sentence) }
    try log?.step(report)
    interval.restart()
  }
}
