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
    let threads = try RankThreads(
      over: communicator, threads: settings.threads, loaders: settings.loader.threads, pins: settings.pinsThreads)
    defer { threads.restore() }
    let start = try chooseStart(communicator)
    let course = try RunCourse(experiment, resumed: start.info, limit: request.steps, ranks: communicator.size)
    let norms = experiment.synchronizesNorms && communicator.size > 1 ? ReplicaNorms() : nil
    let buckets = try settings.bucketSize.choose(over: communicator, course.assignment.reduction)
    let runners = try makeRunners(start, course, buckets, norms, threads.team, communicator)
    let update = try makeUpdate(course, runners, communicator)
    try agreement(runners).check(communicator)
    let weights = try restore(start, runners, update, communicator)

    let evaluation = Evaluation(
      experiment.evaluation, experiment.evaluationPipeline, batch: settings.evaluationBatch, loaderSettings(1))
    let output = communicator.rank == 0
      ? try RunOutput(self, in: start, runners, evaluation, host: communicator.hostName) : nil
    let found = weights + [buckets.sentence].compactMap { $0 }
    try output.map { try announce($0.log, threads, course, runners, start, found) }
    let queue = ReductionQueue(communicator, reducing: course.assignment.reduction)
    defer { queue.close() }
    norms?.queue = queue
    let loader = BatchLoader(
      experiment.training, experiment.trainingPipeline, course.sequence(rank: communicator.rank, seed: settings.seed),
      loaderSettings(course.assignment.perRank), mixing: experiment.mixing)
    defer { loader.shutdown() }
    defer { output?.tellFailure() }
    let loop = try TrainingLoop(
      self, from: start, course, runners, update, queue: queue, loader: loader, evaluation: evaluation, output: output)
    if request.isDebugging {
      runners.observer = DebugObserver(
        runners, loop.gradients, log: output?.log, nameOfSample: experiment.training.name(of:)).observe
    }
    let ending = try loop.run()
    return (ending, output?.finish(self, runners, evaluation) ?? "")
  }

  private func makeRunners(
    _ start: RunStart, _ course: RunCourse, _ buckets: BucketSize.Choice, _ norms: ReplicaNorms?, _ team: WorkerTeam,
    _ communicator: any Communicator
  ) throws -> NetworkRunners {
    let settings = experiment.settings, batch = course.schedule.replicaBatch
    return try NetworkRunners(
      experiment.network, experiment.task, batch: batch, image: experiment.trainingPipeline.outputShape, team: team,
      key: RandomKey(settings.seed).appending("parameters"), bucketBytes: buckets.bytes,
      memoryBudget: settings.memoryBudget, disabledRewrites: settings.disabledRewrites,
      convolutions: try measuredConvolutions(start, batch, team, communicator), replicaSums: norms,
      isInterpreted: request.isDebugging, measuresSteps: communicator.rank == 0 && settings.traces)
  }

  private func makeUpdate(
    _ course: RunCourse, _ runners: NetworkRunners, _ communicator: any Communicator
  ) throws -> ParameterUpdate {
    let schedule = try experiment.schedule(
      stepsPerEpoch: course.schedule.stepsPerEpoch, totalSteps: course.totalSteps)
    let shards = experiment.settings.shardsOptimizer && communicator.size > 1
      ? OptimizerShards(buckets: runners.mainPlan.buckets, rank: communicator.rank, ranks: communicator.size) : nil
    return try ParameterUpdate(
      experiment.optimizer, schedule, experiment.clipping, average: experiment.average,
      decaysEverything: experiment.decaysEverything, layerDecay: experiment.layerDecay, state: runners.state,
      team: runners.team, ranks: communicator.size, shards: shards)
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

  private func announce(
    _ log: RunLog, _ threads: RankThreads, _ course: RunCourse, _ runners: NetworkRunners, _ start: RunStart,
    _ found: [String]
  ) throws {
    try log.keep(experiment.file.resolvedYAML())
    let plan = runners.mainPlan, settings = experiment.settings, assignment = course.assignment
    for sentence in start.remarks + experiment.remarks { log.announce(sentence) }
    for warning in start.warnings + threads.warnings { log.warn(warning) }
    log.announce(
      "\(assignment.ranks.of("rank")) x \(threads.team.count.of("thread")), \(assignment.replicas.of("replica")) of "
        + "\(course.schedule.replicaBatch.of("sample")), \(assignment.reduction.rawValue) reduction"
        + settings.remarks(ranks: assignment.ranks) + (experiment.synchronizesNorms ? ", norms over all replicas" : ""))
    log.announce(threads.sentence)
    log.announce(
      "\(plan.program.graph.parameterCount) parameters; a rank's arena \(plan.arena.byteCount >> 20) MiB (lower bound "
        + "\(plan.arena.lowerBoundBytes >> 20) MiB, \(plan.program.steps.count { $0.isRepeated }) steps computed "
        + "again), gradients in \(plan.buckets.count) buckets")
    log.announce(
      "\(experiment.training.count) training and \(experiment.evaluation.count) evaluation samples, "
        + "\(course.schedule.stepsPerEpoch) steps an epoch, \(course.totalSteps) steps in all; results in \(log.folder)")
    if let decay = experiment.layerDecay { log.announce(decay.sentence(runners.state.specs)) }
    if let convolutions = runners.convolutions { log.announce(convolutions.sentence) }
    let unused = plan.program.parametersWithoutGradient
    if !unused.isEmpty { log.announce("parameters without a gradient: \(unused.joined(separator: ", "))") }
    for sentence in found { log.announce(sentence) }
  }
}
