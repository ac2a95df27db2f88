import ArgumentParser
import Compute
import Configuration
import Graphs
import Models
import Tasks
import Training

/// `trainer inspect`: what a network costs, without training it.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show layers, parameters, multiply-adds, the memory plan and the bytes on the wire; train nothing.",
    discussion: """
      Examples: trainer inspect resnet50 --attention cbam --batch 32
                trainer inspect configs/quickstart.yaml model.attention=eca
                trainer inspect resnet50 --batch 256 --ranks 8 --bandwidth 10Gbit --latency 30us

      A network by name needs no data. Multiply-adds are for one image, memory is for one rank and its whole batch.
      With --ranks the rank's part of the step is timed here and a step of all ranks foretold from the link.
      """)

  @Argument(help: "A run file (YAML), then settings that win over it: key.path=value; or the name of a network.")
  var runAndSettings: [String] = []

  @Option(help: "A network of the catalogue, in place of a run file.")
  var model: String?

  @Option(help: "The attention module in the network's blocks: its name, or '{name: nl, stages: [3, 4]}'.")
  var attention: String?

  @Option(help: "Classes that the network tells apart; without it those of the published weights.")
  var classes: Int?

  @Option(help: "The side of the images in pixels; without it the network's own.")
  var imageSize: Int?

  @Option(help: "Images of a training step; without it the run file's batch, or 32.")
  var batch: Int?

  @Option(help: "Threads of the rank, which have working memory each; without it as many as there are processors.")
  var threads: Int?

  @Option(help: "Memory of a training step: auto, unlimited, or a size such as '1.5 GB'; without it the run file's.")
  var memoryBudget: String?

  @OptionGroup(title: "A step on several ranks")
  var prediction: PredictionOptions

  @Flag(help: "One JSON object.")
  var json = false

  @Flag(help: "Every step of both passes, in order.")
  var plan = false

  func validate() throws {
    if json && plan { throw ValidationError("--json and --plan are two forms of one thing: give one of them") }
    if networkName == nil {
      guard let file = runAndSettings.first, !file.contains("=") else {
        throw ValidationError("wanted a run file or the name of a network, as in `trainer inspect --model resnet50`")
      }
      if attention != nil || classes != nil || imageSize != nil {
        throw ValidationError(
          "--attention, --classes and --image-size go with a network's name; in a run file it is model.attention=NAME")
      }
    } else if runAndSettings.count > (model == nil ? 1 : 0) {
      throw ValidationError("settings go with a run file, not with the name of a network")
    }
  }

  /// The network that is named, where no run file is.
  private var networkName: String? {
    model ?? runAndSettings.first.flatMap { ModelCatalog.entries[$0] == nil ? nil : $0 }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 || networkName == nil || prediction.ranks != nil else { return .success }
      let inspection = try networkName.map { try inspectNetwork($0, job) } ?? inspectRun(job)
      guard job.communicator.rank == 0 else { return .success }
      print(json ? try jsonText(inspection.report) : plan ? inspection.plan.description : inspection.text)
      return .success
    }
  }

  private func inspectNetwork(_ name: String, _ job: Job) throws -> Inspection {
    let named = try NamedNetwork(name, attention: attention, classes: classes, imageSize: imageSize)
    return try inspect(
      Subject(
        title: "\(named.title), \(named.classes) classes", network: named.network, classes: named.classes,
        task: Classification(), image: [named.imageSize, named.imageSize, 3], batch: try checkedBatch(32),
        memoryBudget: try checkedBudget(memoryBudget) ?? .auto), job)
  }

  private func inspectRun(_ job: Job) throws -> Inspection {
    let experiment = try Experiment(try job.runFile(runAndSettings), makeNetwork: makeNetwork)
    let settings = experiment.settings
    return try inspect(
      Subject(
        title: job.runName(runAndSettings), network: experiment.network, classes: experiment.training.classNames.count,
        task: experiment.task, image: experiment.trainingPipeline.outputShape,
        batch: try checkedBatch(settings.globalBatch),
        memoryBudget: try checkedBudget(memoryBudget) ?? settings.memoryBudget, replicas: settings.replicas,
        reduction: settings.reduction, compresses: settings.compresses, overlaps: settings.overlaps,
        bucketSize: settings.bucketSize, loaders: settings.loader.threads, threads: settings.threads,
        layerDecay: experiment.layerDecay), job)
  }

  private func inspect(_ subject: Subject, _ job: Job) throws -> Inspection {
    if let ranks = prediction.ranks {
      return try ForetoldSteps.inspect(
        subject, try prediction.request(ranks, threads: try threads.map { try checkedThreads($0) }, job), job)
    }
    return try Inspection(
      subject, batch: subject.batch, threads: try checkedThreads(threads ?? Processor.affinityCount))
  }

  private func checkedBatch(_ standard: Int) throws(ConfigError) -> Int {
    try checked("--batch", batch ?? standard, in: 1...65_536)
  }

  private func checkedThreads(_ count: Int) throws(ConfigError) -> Int {
    try checked("--threads", count, in: 1...4096)
  }
}
