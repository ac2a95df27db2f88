import Communication
import Compute
import Datasets
import Foundation
import Graphs
import Tasks

/// Judges a network on a data set: every sample once, the same figures for any number of ranks.
///
/// The samples are cut into batches whatever the number of ranks, and each rank takes whole batches; a short last batch
/// is a plan of its own. What is added up are whole numbers.
public struct Evaluation {
  public let dataset: any ImageDataset
  public let pipeline: TransformPipeline
  public let batch: Int
  public let settings: LoaderSettings

  public init(_ dataset: any ImageDataset, _ pipeline: TransformPipeline, batch: Int, _ settings: LoaderSettings) {
    self.dataset = dataset
    self.pipeline = pipeline
    // Whole clips, one at least.
    let frames = dataset.framesPerClip
    self.batch = min(max(1, batch / frames) * frames, dataset.count)
    self.settings = settings
  }

  /// The figures of an evaluation, alike on every rank.
  public struct Result: Sendable {
    public let metrics: [Metric]
    public let seconds: Double
    /// The samples that could not be read, of all ranks.
    public let broken: [BrokenSample]
    /// Whether some rank was asked to stop, which ended the evaluation early; the metrics are then worth nothing.
    public let wasStopped: Bool

    /// A figure by its name.
    public func metric(_ name: String) -> Double? { metrics.first { $0.name == name }?.value }
  }

  /// Evaluates the model as it stands; all ranks call this together.
  /// - Parameter isStopRequested: asked before every batch.
  public func run(
    _ runners: NetworkRunners, queue: ReductionQueue, isStopRequested: () -> Bool = { false }
  ) throws -> Result {
    let start = now()
    let schedule = BatchSchedule(evaluating: dataset.count, batch: batch, ranks: queue.size)
    let loader = BatchLoader(dataset, pipeline, BatchSequence(evaluating: schedule, rank: queue.rank), settings)
    defer { loader.shutdown() }
    var total: [Double] = [], wasStopped = false
    for _ in 0..<schedule.stepsPerEpoch {
      let batch = try loader.next()!
      if batch.count > 0 {
        let runner = try runners.runner(.inference, batch: batch.count)
        runners.task.fill(runner, from: batch)
        try runner.forward(random: RandomKey(0))
        let tally = runners.task.tally(runner, batch)
        total = total.isEmpty ? tally : zip(total, tally).map(+)
      }
      let flag = isStopRequested() ? 1.0 : 0
      wasStopped = try queue.run("evaluation") { try $0.allReduce("evaluation", flag, .max) } > 0
      if wasStopped { break }
    }
    let width = try queue.run("evaluation width") { try $0.allReduce("evaluation width", Double(total.count), .max) }
    let own = total.isEmpty ? [Double](repeating: 0, count: Int(width)) : total
    let sum = try queue.run("evaluation tally") { try $0.allReduce("evaluation tally", own, .sum) }
    return Result(
      metrics: runners.task.metrics(from: sum), seconds: Double(now() - start) * 1e-9,
      broken: try queue.gather(loader.broken.samples), wasStopped: wasStopped)
  }
}
