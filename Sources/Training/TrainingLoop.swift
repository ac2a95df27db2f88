import Communication
import Compute
import Datasets
import Tasks

/// The loop: batches, gradients, update, and now and then an evaluation and a checkpoint.
///
/// Every rank runs it; whatever decides its course (the loss, a request to stop, a metric) is alike on all of them.
/// What rank 0 does beyond that is in `output`, which the others do not have.
public final class TrainingLoop {
  /// How a run ended.
  public enum Ending: Sendable { case finished, stopped }

  let experiment: Experiment
  let course: RunCourse
  let runners: NetworkRunners
  let update: ParameterUpdate
  let queue: ReductionQueue
  let loader: BatchLoader
  let gradients: GradientStep
  let capsules: CapsuleRecorder
  let evaluation: Evaluation
  let output: RunOutput?
  private let stop: StopRequest?
  private let local: LocalSteps
  /// Steps done.
  var step: Int
  var metric: Metric?
  var bestMetric: Double?
  var interval: IntervalClock
  var skipped = SkippedSamples()
  /// Whether somebody asked to stop while the ranks had parameters of their own.
  private var owesStop = false
  /// Whether the step that the run goes on from still has to be judged, because a stop came in between.
  private let owesEvaluation: Bool

  init(
    _ run: TrainingRun, from start: RunStart, _ course: RunCourse, _ runners: NetworkRunners,
    _ update: ParameterUpdate, queue: ReductionQueue, loader: BatchLoader, evaluation: Evaluation, output: RunOutput?
  ) throws {
    let settings = run.experiment.settings
    (experiment, self.course, self.runners, self.update) = (run.experiment, course, runners, update)
    (self.queue, self.loader, self.evaluation, self.output) = (queue, loader, evaluation, output)
    stop = run.request.stop
    var exchange = GradientExchange(overlaps: settings.overlaps)
    exchange.shards = update.shards
    gradients = try GradientStep(
      runners, queue: queue, replicas: course.assignment.perRank, key: RandomKey(settings.seed).appending("step"),
      exchange: exchange)
    gradients.trace = output?.trace
    capsules = CapsuleRecorder(
      runners, update, queue, course.assignment, run.experiment, runFolder: start.folder, build: run.request.build,
      log: output?.log)
    local = LocalSteps(every: queue.size > 1 ? settings.syncEvery : 1, start: course.steps(settings.syncFrom))
    interval = IntervalClock(globalBatch: settings.globalBatch)
    step = course.firstStep
    bestMetric = start.info?.bestMetric
    if let plateau = start.info?.plateau, update.plateau != nil { update.plateau = plateau }
    owesEvaluation = start.info?.metric == nil && start.info != nil
      && course.isDue(settings.evaluateEvery, after: course.firstStep)
  }

  /// Trains to the end, or until somebody asks to stop.
  /// - Throws: `LossError`, and `StepFailure` around whatever else goes wrong.
  public func run() throws -> Ending {
    do {
      if owesEvaluation {
        if try evaluate() { return .stopped }
        try save()
      }
      var isStopping = false
      while step < course.lastStep && !isStopping { isStopping = try trainStep() }
      try writeTrace()
      try output?.writer.finish()
      return isStopping ? .stopped : .finished
    } catch let error where !(error is LossError) {
      throw StepFailure(step: step + 1, cause: error)
    }
  }

  /// One step and what is due after it. Returns whether somebody asked to stop; everything is saved then.
  private func trainStep() throws -> Bool {
    let settings = experiment.settings, isLocal = local.isLocal(step)
    try output?.writer.throwFailure()
    output?.trace?.beginStep()
    enter("data.next")
    let batches = try interval.measuringData {
      try (0..<course.assignment.perRank).map { _ in try loader.next()! }
    }
    let samples = course.schedule.sampleCount(inStep: batches[0].address.step)
    output?.trace?.enter("gradients")
    let outcome = try gradients.run(
      batches, step: step, samples: samples, isStopRequested: isStopRequested, isLocal: isLocal)
    enter("update")
    let norm = try capsules.examine(outcome, of: batches, step: step, samples: samples, isLocal: isLocal)
    try update.apply(step: step, norm: norm, over: queue)
    try endTracedStep()
    step += 1
    interval.add(outcome, samples: samples)
    if course.isDue(every: settings.logEverySteps, after: step) { try report() }

    owesStop = owesStop || outcome.isStopping
    let isJudged = course.isDue(settings.evaluateEvery, after: step)
    let isSaved = course.isDue(settings.checkpointEvery, after: step)
    if isLocal {
      guard local.isDue(after: step) || isJudged || isSaved else { return false }
      enter("means of parameters")
      try update.takeMeans(over: queue)
    }
    queue.whereabouts.enter("evaluation")
    let isStopping = try owesStop || isJudged && evaluate()
    queue.whereabouts.enter("checkpoint")
    if isSaved || isStopping { try save() }
    return isStopping
  }

  /// Whether this rank was asked to stop, or has to because its time runs out.
  var isStopRequested: Bool {
    stop?.isRequested(savingTakes: (output?.writer.seconds ?? 0) + interval.slowestStep) ?? false
  }

  private func enter(_ phase: String) {
    queue.whereabouts.enter(phase, step: step + 1)
    output?.trace?.enter(phase)
  }
}
