import Communication
import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Tasks

/// Puts a run together on every rank and runs it: placement, plan, agreement, resume, loop.
public struct TrainingRun {
  /// What the program knows beyond the run file.
  public struct Request {
    public var resume: Resume?
    public var output: String?
    /// Ends after so many steps from where the run begins or goes on, with the schedule of the whole run.
    public var steps: Int?
    /// Names the run's folder when no output is given.
    public var name: String
    /// Identifies the build on this rank.
    public var build: String
    /// Node by node, every value looked at, in one process.
    public var isDebugging = false
    public var stop: StopRequest?
    /// Shows a line on rank 0.
    public var progress: ProgressLine
    /// Whether only warnings stand above that line: for one run of many.
    public var isBrief = false

    public init(name: String, build: String, progress: ProgressLine) {
      self.name = name
      self.build = build
      self.progress = progress
    }
  }

  /// Which checkpoint a run goes on from.
  public enum Resume: Hashable, Sendable {
    /// The newest good one of the run's folder; without any the run begins.
    case latest
    case path(String)
  }

  public let experiment: Experiment
  public let request: Request

  public init(_ experiment: Experiment, _ request: Request) {
    self.experiment = experiment
    self.request = request
  }

  /// Trains. All ranks call this together; `communicator` is in the hands of this call until it returns.
  /// - Returns: how the run ended, and on rank 0 the summary.
  public func run(_ communicator: any Communicator) throws -> (ending: TrainingLoop.Ending, summary: String) {
    let settings = experiment.settings
    communicator.deadline = .seconds(settings.timeoutSeconds)
    let isFirst = communicator.rank == 0
    let threads = try RankThreads(
      over: communicator, threads: settings.threads, loaders: settings.loader.threads, pins: settings.pinsThreads)
    defer { threads.restore() }
    let start = try chooseStart(communicator)
    let assignment = try ReplicaAssignment(
      replicas: settings.replicas == 0 ? start.info?.replicas ?? 0 : settings.replicas, ranks: communicator.size,
      reduction: settings.reduction,
      demands: settings.demands.union(experiment.synchronizesNorms ? .synchronizedNorms : []))
    let schedule = try BatchSchedule(
      sampleCount: experiment.training.count, globalBatch: settings.globalBatch, replicas: assignment.replicas,
      dropsShortBatch: settings.dropsShortBatch, repeats: settings.repeats)
    if experiment.mixing != nil && schedule.replicaBatch % 2 != 0 {
      throw BatchScheduleError.unpaired(globalBatch: schedule.globalBatch, replicas: schedule.replicas)
    }
    let totalSteps = experiment.totalSteps(perEpoch: schedule.stepsPerEpoch)

    let norms = experiment.synchronizesNorms && communicator.size > 1 ? ReplicaNorms() : nil
    if norms != nil, (0..<schedule.stepsPerEpoch).contains(where: { schedule.leavesAReplicaEmpty(inStep: $0) }) {
      throw ReplicaError.emptyReplica(samples: schedule.sampleCount, ranks: communicator.size)
    }
    let buckets = try settings.bucketSize.choose(over: communicator, assignment.reduction)
    let convolutions = try measuredConvolutions(start, schedule.replicaBatch, threads.team, communicator)
    let runners = try NetworkRunners(
      experiment.network, experiment.task, batch: schedule.replicaBatch, image: experiment.trainingPipeline.outputShape,
      team: threads.team, key: RandomKey(settings.seed).appending("parameters"), bucketBytes: buckets.bytes,
      memoryBudget: settings.memoryBudget, disabledRewrites: settings.disabledRewrites,
      convolutions: convolutions, replicaSums: norms, isInterpreted: request.isDebugging, measuresSteps: isFirst && settings.traces)
    var exchange = GradientExchange(overlaps: settings.overlaps)
    if settings.shardsOptimizer && communicator.size > 1 {
      exchange.shards = OptimizerShards(
        buckets: runners.mainPlan.buckets, rank: communicator.rank, ranks: communicator.size)
    }
    let update = try ParameterUpdate(
      experiment.optimizer, try experiment.schedule(stepsPerEpoch: schedule.stepsPerEpoch, totalSteps: totalSteps),
      experiment.clipping, average: experiment.average, decaysEverything: experiment.decaysEverything,
      layerDecay: experiment.layerDecay, state: runners.state, team: runners.team, ranks: communicator.size,
      shards: exchange.shards)
    try agreement(runners).check(communicator)
    let weights = try restore(start, runners, update, communicator)

    let step = start.info?.step ?? 0
    let log =
      isFirst
      ? try RunLog(
        folder: start.folder, host: communicator.hostName, progress: request.progress, isBrief: request.isBrief,
        // A run that was killed before its first checkpoint goes on from step 0, over what it had written.
        resumedStep: start.info?.step ?? (request.resume == nil ? nil : 0)) : nil
    try log.map { try announce($0, threads, assignment, schedule, runners, totalSteps, start) }
    for line in weights { log?.announce(line) }
    if let sentence = buckets.sentence { log?.announce(sentence) }
    let queue = ReductionQueue(communicator, reducing: assignment.reduction)
    defer { queue.close() }
    norms?.queue = queue
    let loader = BatchLoader(
      experiment.training, experiment.trainingPipeline,
      sequence(schedule, assignment, communicator.rank, step, totalSteps),
      loaderSettings(assignment.perRank), mixing: experiment.mixing)
    defer { loader.shutdown() }
    let store = CheckpointStore(
      folder: start.folder + "/checkpoints", keepLast: settings.keepLast, keepBest: settings.keepBest)
    if isFirst { store.clean() }
    let trace = isFirst && settings.traces
      ? StepTrace(path: start.folder + "/trace.json", rank: 0, host: communicator.hostName) : nil
    let writer = isFirst ? CheckpointWriter(store) : nil
    // A run that fails must not lose the checkpoint that is being written, and not in silence.
    defer { if let failure = writer?.untoldFailure() { log?.warn("\(failure)") } }
    let evaluation = Evaluation(
      experiment.evaluation, experiment.evaluationPipeline, batch: settings.evaluationBatch, loaderSettings(1))
    let loop = try TrainingLoop(
      runners, update, settings, schedule: schedule, totalSteps: totalSteps,
      lastStep: request.steps.map { min(step + $0, totalSteps) } ?? totalSteps, queue: queue, loader: loader,
      capsules: CapsuleRecorder(
        runners, update, queue, assignment, experiment, runFolder: start.folder, build: request.build, log: log),
      evaluation: evaluation,
      explanations: isFirst ? ExplanationPictures(evaluation, runners, count: settings.explainedPictures) : nil,
      assignment: assignment, exchange: exchange, resumed: start.info, log: log, writer: writer,
      stop: request.stop, trace: trace,
      describe: describe)
    if request.isDebugging {
      runners.observer = DebugObserver(
        runners, loop.gradients, log: log, nameOfSample: experiment.training.name(of:)).observe
    }
    let ending = try loop.run()
    if isFirst && experiment.task.name == "classification" {
      log?.attempt {
        try PredictionSheet(evaluation: loop.evaluation).write(runners, to: start.folder + "/pictures/predictions.png")
      }
    }
    let hidden = trace?.hiddenShare.map { "communication hidden: \(NumberText.percent($0))\n" }
    return (ending, (log?.finish() ?? "") + (hidden ?? ""))
  }

  /// The methods of convolutions that rank 0 has measured, those of a resumed run first: they decide its numbers.
  private func measuredConvolutions(
    _ start: RunStart, _ batch: Int, _ team: WorkerTeam, _ communicator: any Communicator
  ) throws -> ConvolutionChoices? {
    guard experiment.settings.tunes else { return nil }
    return try communicator.decidedByFirst("methods of convolutions") {
      let graph = try NetworkRunners.graph(
        experiment.network, experiment.task, batch: batch, image: experiment.trainingPipeline.outputShape,
        mode: .training)
      return try ConvolutionTuning(team: team).choices(
        for: graph, known: start.info?.convolutions ?? ConvolutionChoices())
    }
  }

  private func sequence(
    _ schedule: BatchSchedule, _ assignment: ReplicaAssignment, _ rank: Int, _ step: Int, _ totalSteps: Int
  ) -> BatchSequence {
    let (epoch, within) = step.quotientAndRemainder(dividingBy: schedule.stepsPerEpoch)
    return BatchSequence(
      schedule, replicas: assignment.range(rank: rank), seed: experiment.settings.seed, isShuffled: true,
      start: (epoch, within), endEpoch: (totalSteps + schedule.stepsPerEpoch - 1) / schedule.stepsPerEpoch)
  }

  /// A step holds all its replicas' batches at once, so that many must be ahead.
  private func loaderSettings(_ replicas: Int) -> LoaderSettings {
    var settings = experiment.settings.loader
    if request.isDebugging { settings.threads = 0 }
    settings.batchesAhead = max(settings.batchesAhead, 2 * replicas)
    return settings
  }

  private func agreement(_ runners: NetworkRunners) -> StartupAgreement {
    let layout = runners.state.layout
    let parameters = (layout.buffers + layout.parameters).map { "\($0.path) \($0.range) \($0.shape)" }
    let data = [experiment.training, experiment.evaluation].map { dataset in
      "\(dataset.count) \(dataset.classNames) \(dataset.count > 0 ? dataset.name(of: dataset.count - 1) : "")"
    }
    var agreement = StartupAgreement(
      plan: runners.mainPlan.fingerprint, runFile: experiment.file.resolvedYAML(), build: request.build,
      parameters: parameters.joined(separator: "\n"))
    agreement.items.append(("the data set", RandomKey(0).appending(data.joined(separator: "\n")).bits))
    return agreement
  }

  private func describe(_ info: CheckpointInfo) -> CheckpointInfo {
    var info = info
    info.classNames = experiment.training.classNames
    info.runFile = experiment.file.resolvedYAML()
    return info
  }

  private func announce(
    _ log: RunLog, _ threads: RankThreads, _ assignment: ReplicaAssignment, _ schedule: BatchSchedule,
    _ runners: NetworkRunners, _ totalSteps: Int, _ start: RunStart
  ) throws {
    try log.keep(experiment.file.resolvedYAML())
    let plan = runners.mainPlan, settings = experiment.settings
    for sentence in start.remarks + experiment.remarks { log.announce(sentence) }
    for warning in start.warnings + threads.warnings { log.warn(warning) }
    log.announce(
      "\(assignment.ranks.of("rank")) x \(threads.team.count.of("thread")), \(assignment.replicas.of("replica")) of "
        + "\(schedule.replicaBatch.of("sample")), \(assignment.reduction.rawValue) reduction"
        + settings.remarks(ranks: assignment.ranks) + (experiment.synchronizesNorms ? ", norms over all replicas" : ""))
    log.announce(threads.sentence)
    log.announce(
      "\(plan.program.graph.parameterCount) parameters; a rank's arena \(plan.arena.byteCount >> 20) MiB (lower bound "
        + "\(plan.arena.lowerBoundBytes >> 20) MiB, \(plan.program.steps.count { $0.isRepeated }) steps computed "
        + "again), gradients in \(plan.buckets.count) buckets")
    log.announce(
      "\(experiment.training.count) training and \(experiment.evaluation.count) evaluation samples, "
        + "\(schedule.stepsPerEpoch) steps an epoch, \(totalSteps) steps in all; results in \(log.folder)")
    if let decay = experiment.layerDecay { log.announce(decay.sentence(runners.state.specs)) }
    if let convolutions = runners.convolutions { log.announce(convolutions.sentence) }
    let unused = plan.program.parametersWithoutGradient
    if !unused.isEmpty { log.announce("parameters without a gradient: \(unused.joined(separator: ", "))") }
  }
}
