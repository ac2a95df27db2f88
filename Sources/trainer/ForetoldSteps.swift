import Communication
import Compute
import Configuration
import Datasets
import Graphs
import Training

/// Training steps on several ranks, foretold: what `trainer inspect --ranks` adds to what it tells of a network.
///
/// Started by mpirun, all its ranks compute at once while they are timed and sum their gradients meanwhile, so that
/// what they share (processors, caches, memory) and what sending takes from it is in the figures; the slowest counts.
struct ForetoldSteps: Encodable {
  let ranks: Int
  let hosts: Int
  /// Images of a step over all ranks, and those of one rank.
  let batch: Int
  let rankBatch: Int
  let replicasPerRank: Int
  let threads: Int
  /// Seconds of a rank: both passes, and the update.
  let gradientSeconds: Double
  let updateSeconds: Double
  /// When each bucket of gradients is final.
  let bucketReadySeconds: [Double]
  /// Ranks that computed at once while this was timed; 0 where it was given.
  let ranksTimedAtOnce: Int
  /// Whether sums go on during the backward pass.
  let overlaps: Bool
  /// How many times as long as the link says a sum takes while the workers compute; 1 where that was not timed.
  let sumSlowdown: Double
  let link: LinkReport
  let buckets: [Int]
  /// For 1, 2, 4 … ranks with the same part each, and for all of them.
  let steps: [Step]

  struct Step: Encodable {
    let ranks: Int
    let computeSeconds: Double
    /// All sums over ranks, and what of them no backward pass hides.
    let communicationSeconds: Double
    let exposedSeconds: Double
    let stepSeconds: Double
    let efficiency: Double
    let imagesPerSecond: Double
    /// What a rank sends in a step.
    let bytesSent: Double
  }

  /// Within a host, where no line is measured: messages through shared memory.
  static let insideHost = LinkLine(latencySeconds: 5e-6, bytesPerSecond: 4e9)
  private static let timedSteps = 5

  /// The network as one rank of many has it, and its steps.
  static func inspect(_ subject: Subject, _ request: PredictionOptions.Request, _ job: Job) throws -> Inspection {
    let communicator = job.communicator, ranks = request.ranks, perHost = ranks / request.hosts
    let assignment = try ReplicaAssignment(
      replicas: subject.replicas, ranks: ranks, reduction: subject.reduction,
      demands: subject.compresses ? .compression : [])
    let batch = try BatchSchedule(
      sampleCount: subject.batch, globalBatch: subject.batch, replicas: assignment.replicas
    ).replicaBatch
    let asked = request.threads ?? subject.threads, share = max(Processor.affinityCount / perHost, 1)
    let threads = try RankThreads(
      over: communicator, threads: asked == 0 && communicator.size == 1 && perHost > 1 ? share : asked,
      loaders: subject.loaders)
    defer { threads.restore() }
    let link = request.line.map {
      LinkModel(
        insideHost: insideHost, betweenHosts: $0, ranksPerHost: perHost, ranks: ranks,
        additionSecondsPerByte: LinkMeasurement.additionSecondsPerByte())
    }
    let model = try link ?? (communicator.size > 1
      ? LinkMeasurement.model(over: communicator, seconds: 0.5) : LinkModel(lines: [insideHost]))
    let bucketBytes = subject.bucketSize.bytes
      ?? (ranks > 1 && assignment.reduction == .tree ? model.bucketBytes(ranks: ranks) : BucketSize.standard)
    var inspection = try Inspection(
      subject, batch: batch, threads: threads.team.count, bucketBytes: bucketBytes)
    let (computation, slowdown) = try computation(
      subject, request, inspection.plan, batch: batch, replicas: assignment.perRank, bucketBytes: bucketBytes,
      threads.team, communicator)
    inspection.prediction = ForetoldSteps(
      request, subject, assignment, computation, slowdown: slowdown, inspection.plan,
      threads: threads.team.count, model, isGiven: link != nil,
      timed: request.computeSeconds == nil ? communicator.size : 0)
    return inspection
  }

  private static func computation(
    _ subject: Subject, _ request: PredictionOptions.Request, _ plan: Plan, batch: Int, replicas: Int,
    bucketBytes: Int, _ team: WorkerTeam, _ communicator: any Communicator
  ) throws -> (StepComputation, slowdown: Double) {
    if let seconds = request.computeSeconds {
      return (StepComputation(of: plan, seconds: seconds).repeated(replicas).scaled(toSeconds: seconds), 1)
    }
    guard subject.task.name == "classification" else {
      throw ConfigError(
        path: "--ranks",
        problem: .invalid("a step of \(subject.task.name) cannot be timed on random images: give --compute-seconds"))
    }
    let benchmark = try StepBenchmark(
      subject.network, classes: subject.classes, batch: batch, image: subject.image, team: team,
      bucketBytes: bucketBytes, memoryBudget: subject.memoryBudget)
    guard communicator.size > 1 else {
      return (try benchmark.course(steps: timedSteps, warmup: 1).repeated(replicas), 1)
    }
    let link = try LinkMeasurement.model(over: communicator, seconds: 0.5)
    let queue = ReductionQueue(
      communicator, reducing: ReplicaAssignment.usualReduction(ranks: communicator.size))
    let (own, slowdown) = try benchmark.course(
      steps: timedSteps, warmup: 1, summing: queue, overlaps: subject.overlaps, over: link)
    queue.close()
    let slowest = try communicator.allReduce(
      "timing", own.bucketReadySeconds + [own.gradientSeconds, own.updateSeconds], .max)
    let computation = StepComputation(
      bucketReadySeconds: Array(slowest.dropLast(2)), gradientSeconds: slowest[slowest.count - 2],
      updateSeconds: slowest[slowest.count - 1])
    return (computation.repeated(replicas), slowdown)
  }

  private init(
    _ request: PredictionOptions.Request, _ subject: Subject, _ assignment: ReplicaAssignment,
    _ computation: StepComputation, slowdown: Double, _ plan: Plan, threads: Int, _ model: LinkModel, isGiven: Bool,
    timed: Int
  ) {
    ranks = request.ranks
    hosts = request.hosts
    batch = subject.batch
    let rankBatch = subject.batch / request.ranks
    self.rankBatch = rankBatch
    replicasPerRank = assignment.perRank
    self.threads = threads
    gradientSeconds = computation.gradientSeconds
    updateSeconds = computation.updateSeconds
    bucketReadySeconds = computation.bucketReadySeconds
    ranksTimedAtOnce = timed
    overlaps = subject.overlaps
    sumSlowdown = slowdown
    link = LinkReport(model, isMeasured: !isGiven)
    buckets = plan.bucketBytes
    var course = computation
    // Without overlap every sum begins when the backward pass has ended.
    if !overlaps { course.bucketReadySeconds = buckets.map { _ in course.gradientSeconds } }
    let wire = buckets.map { subject.compresses ? $0 / 2 : $0 }
    let powers = (0..<17).map { 1 << $0 }.filter { $0 < request.ranks }
    steps = (powers + [request.ranks]).map { count in
      let step = StepPrediction(course, bucketBytes: wire, link: model, ranks: count, slowdown: slowdown)
      return Step(
        ranks: count, computeSeconds: step.computeSeconds, communicationSeconds: step.communicationSeconds,
        exposedSeconds: step.exposedSeconds, stepSeconds: step.stepSeconds, efficiency: step.efficiency,
        imagesPerSecond: Double(rankBatch * count) / step.stepSeconds, bytesSent: step.bytesSent)
    }
  }

  /// A table for people.
  var text: String {
    let table = SummaryTable(
      columns: [
        .init("ranks", .right), .init("compute", .right), .init("communication", .right), .init("exposed", .right),
        .init("step", .right), .init("efficiency", .right), .init("images/s", .right), .init("sent a rank", .right),
      ],
      rows: steps.map {
        [
          "\($0.ranks)", NumberText.brief($0.computeSeconds), NumberText.brief($0.communicationSeconds),
          NumberText.brief($0.exposedSeconds), NumberText.brief($0.stepSeconds), NumberText.percent($0.efficiency),
          NumberText.fixed($0.imagesPerSecond, decimals: 1), NumberText.bytes($0.bytesSent),
        ]
      })
    let longer = ", their sums going on, \(NumberText.fixed(sumSlowdown, decimals: 1)) times as long as alone"
    let origin = ranksTimedAtOnce == 0 ? "given" : "measured with \(ranksTimedAtOnce.of("rank")) at once"
      + (ranksTimedAtOnce > 1 && overlaps ? longer : "")
    let last = buckets.last.map { NumberText.bytes(Double($0)) } ?? "none"
    return """
      A training step on \(ranks.of("rank")), \(hosts.of("host")): \(rankBatch.of("image")) a rank, \
      \(replicasPerRank.of("replica")) of \(rankBatch / replicasPerRank), \(threads.of("thread"))
      compute  \(NumberText.brief(gradientSeconds)) for both passes, \(NumberText.brief(updateSeconds)) for the \
      update, \(origin)
      link     \(link.sentence), \(link.isMeasured ? "measured" : "as given"); \(buckets.count.of("bucket")), \
      the last of \(last)

      \(table.text)
      """
  }
}
