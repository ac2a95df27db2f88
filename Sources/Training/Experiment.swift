import Compute
import Configuration
import Datasets
import Graphs
import Layers
import Optimizers
import Tasks

/// A run file, read: data, network, task and settings, without ranks, threads or memory.
///
/// `train`, `evaluate`, `predict` and `inspect` all begin here, so that a mistake in a run file is the same sentence in
/// each.
public struct Experiment {
  /// Makes a network from the section `model`; the catalogue of networks lives above this floor.
  public typealias MakeNetwork = (_ model: ConfigSection, _ classes: Int) throws -> any Module

  public let file: RunFile
  public let settings: RunSettings
  public let training: any ImageDataset
  public let evaluation: any ImageDataset
  public let trainingPipeline: TransformPipeline
  public let evaluationPipeline: TransformPipeline
  public let network: any Module
  public let task: any TrainingTask
  public let mixing: Mixing?
  public let synchronizesNorms: Bool
  public let startingWeights: StartingWeights?
  public let optimizer: any Optimizer
  public let clipping: Clipping
  public let average: MovingAverage?
  public let decaysEverything: Bool
  public let layerDecay: LayerDecay?
  public let rateRule: LearningRateRule
  private let makeSchedule: (ScheduleCatalog.RunLength) throws -> Schedule

  /// Reads every section of `file` and refuses what nobody has read.
  /// - Parameter other: another run on the same data, whose section `data` and data sets are taken over: listing a
  ///   large image folder takes a while.
  /// - Throws: `ConfigError` for the run file, `DatasetError` for the data.
  public init(_ file: RunFile, onDataOf other: Experiment? = nil, makeNetwork: MakeNetwork) throws {
    self.file = file
    if let other { try file.adopt("data", of: other.file) }
    settings = try RunSettings(file)
    let data = try file.section("data")
    training = try other?.training ?? DatasetCatalog.dataset(data, .training)
    evaluation = try other?.evaluation ?? DatasetCatalog.dataset(data, .evaluation)
    let name = try data.string("name"), size = training.imageSize
    trainingPipeline = try TransformPipeline(
      for: .training, reading: data, dataset: name, channels: 3, nativeSize: size)
    evaluationPipeline = try TransformPipeline(
      for: .evaluation, reading: data, dataset: name, channels: 3, nativeSize: size)
    guard trainingPipeline.outputShape == evaluationPipeline.outputShape || evaluation.count == 0 else {
      throw data.error(
        "prepare", "makes pictures of \(evaluationPipeline.outputShape), training of \(trainingPipeline.outputShape)")
    }
    let model = try ExperimentModel(file, classesOfData: training.classNames.count, makeNetwork: makeNetwork)
    network = model.network
    task = model.task
    mixing = model.mixing
    if mixing != nil && training.framesPerClip > 1 {
      throw data.error("mix", "mixes single pictures, not the clips that data.frames makes")
    }
    try Self.checkClips(of: network, trainingPipeline.outputShape, frames: training.framesPerClip, file)
    synchronizesNorms = model.synchronizesNorms
    startingWeights = model.startingWeights
    let rule = try file.section("optimizer")
    optimizer = try OptimizerCatalog.optimizer(rule)
    clipping = try Clipping(rule)
    average = try MovingAverage.read(rule)
    decaysEverything = try rule.bool("decay_norms_and_biases", default: false)
    layerDecay = try LayerDecay.read(rule)
    rateRule = try LearningRateRule(rule, batch: settings.globalBatch)
    let schedule = try file.section("schedule"), rate = rateRule.rate
    makeSchedule = { try ScheduleCatalog.schedule(schedule, peakRate: rate, length: $0) }
    // Read once now, so that a mistake shows before anything is built; its lengths are those of the run later.
    let course = try makeSchedule(.init(stepsPerEpoch: 1_000_000, runSteps: 1_000_000_000))
    if course.momentum(at: 0) != nil && !optimizer.hasMomentum {
      throw schedule.error(
        "cycle_momentum",
        "moves a momentum that \(optimizer.name) does not have; set optimizer.momentum, or this to false")
    }
    try file.finish()
  }

  /// A module that looks at time would take pictures that have nothing to do with each other for the frames of a clip.
  private static func checkClips(of network: any Module, _ image: Shape, frames: Int, _ file: RunFile) throws {
    let wanted = network.framesPerClip(image: image)
    guard frames % wanted != 0 else { return }
    let found = frames == 1 ? "single pictures" : "clips of \(frames) frames"
    throw try file.section("model").error(
      "attention", "looks at clips of \(wanted) frames, and the data are \(found); see `data.frames`")
  }

  /// The steps of a run: `run.steps` if given, else `run.epochs` epochs.
  public func totalSteps(perEpoch stepsPerEpoch: Int) -> Int {
    settings.steps > 0 ? settings.steps : max(1, Int((settings.epochs * Double(stepsPerEpoch)).rounded()))
  }

  /// The learning rate's course over a run of `totalSteps`.
  public func schedule(stepsPerEpoch: Int, totalSteps: Int) throws -> Schedule {
    try makeSchedule(.init(stepsPerEpoch: stepsPerEpoch, runSteps: totalSteps))
  }

  /// Sentences that tell what the settings come to.
  public var remarks: [String] { [rateRule.sentence, augmentation] }

  /// What happens to the pictures of a training.
  private var augmentation: String {
    let list = trainingPipeline.operations.joined(separator: ", ")
    return "augmentation: " + (list.isEmpty ? "none" : list) + (mixing.map { "; \($0)" } ?? "")
      + (settings.repeats > 1 ? "; each sample \(settings.repeats) times a step" : "")
  }
}
