import Communication
import Compute
import Foundation
import Graphs
import Safetensors

/// Judges stored weights: a checkpoint's, or a file of published ones.
public struct EvaluationRun {
  public let experiment: Experiment
  public let checkpoint: String
  /// Whether the checkpoint's moving average is judged.
  public let isAveraged: Bool

  public init(_ experiment: Experiment, checkpoint: String, isAveraged: Bool = false) {
    self.experiment = experiment
    self.checkpoint = checkpoint
    self.isAveraged = isAveraged
  }

  /// Evaluates. All ranks call this together; rank 0 reads the weights and gives them to the others.
  public func run(_ communicator: any Communicator) throws -> Evaluation.Result {
    let settings = experiment.settings
    communicator.deadline = .seconds(settings.timeoutSeconds)
    let threads = try RankThreads(
      over: communicator, threads: settings.threads, loaders: settings.loader.threads, pins: settings.pinsThreads)
    defer { threads.restore() }
    let evaluation = Evaluation(
      experiment.evaluation, experiment.evaluationPipeline, batch: settings.evaluationBatch, settings.loader)
    let runners = try NetworkRunners(
      experiment.network, experiment.task, batch: evaluation.batch, image: experiment.evaluationPipeline.outputShape,
      team: threads.team, key: RandomKey(settings.seed), mode: .inference)
    if communicator.rank == 0 {
      try StoredWeights(checkpoint, isAveraged: isAveraged).load(into: runners.state)
    }
    let values = runners.state.values
    try communicator.broadcast(
      "parameters", UnsafeMutableRawBufferPointer(start: values.pointer, count: values.shape.byteCount))
    let queue = ReductionQueue(communicator)
    defer { queue.close() }
    return try evaluation.run(runners, queue: queue)
  }
}

/// Weights by path: a checkpoint folder, which is verified, or a file of safetensors or `torch.save`.
public struct StoredWeights {
  private let path: String
  private let isAveraged: Bool

  /// - Parameter isAveraged: whether the checkpoint's moving average is meant.
  public init(_ path: String, isAveraged: Bool = false) {
    self.path = path
    self.isAveraged = isAveraged
  }

  /// Whether the path is a file's, not a checkpoint folder's.
  public var isFile: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  /// Copies them into a model.
  /// - Throws: `CheckpointError` where there is no average to take.
  public func load(into state: ModelState) throws {
    if isFile {
      guard !isAveraged else {
        throw CheckpointError(path: path, reason: "is a file of weights; --average wants a checkpoint folder")
      }
      try WeightFile(WeightFile.open(path)).load(into: state)
    } else {
      try CheckpointReader(path).restoreModel(state, averaged: isAveraged)
    }
  }
}
