import Communication
import Compute
import Configuration
import Datasets
import Foundation
import Graphs

/// Several attention modules trained alike: each in the same network, on the same data, for as long, from the same
/// seeds; a table and figures at the end, and after every run.
///
/// Each run is an ordinary one with a folder of its own. What has finished is not done again, and what was broken off
/// goes on from its checkpoint: the same command resumes a comparison.
public struct Comparison {
  /// What the program knows beyond the run file.
  public struct Request {
    /// The run file's text, what errors call it, and the settings that win over it.
    public var text: String
    public var file: String
    public var settings: [String]
    public var variants: [ComparisonVariant]
    /// Runs of each variant, with the run file's seed and those after it.
    public var seeds: Int
    /// The folder for everything.
    public var output: String
    public var build: String
    public var stop: StopRequest?
    /// Shows on rank 0 where the run under way is; the log has a line of its own only at a run's beginning and end.
    public var progress: ProgressLine
    public var makeNetwork: Experiment.MakeNetwork

    public init(
      text: String, file: String, settings: [String], variants: [ComparisonVariant], seeds: Int, output: String,
      build: String, stop: StopRequest?, progress: ProgressLine,
      makeNetwork: @escaping Experiment.MakeNetwork
    ) {
      self.text = text
      self.file = file
      self.settings = settings
      self.variants = variants
      self.seeds = seeds
      self.output = output
      self.build = build
      self.stop = stop
      self.progress = progress
      self.makeNetwork = makeNetwork
    }
  }

  public let request: Request
  /// Seed by seed, so that a first table is there early.
  private let runs: [Run]
  private let metric: String

  /// One of the runs: what it trains, where it leaves it, and its result as long as nothing is known.
  private struct Run {
    let experiment: Experiment
    let folder: String
    let blank: ComparedRun
    /// The paths of the network's trained factors.
    let factors: [String]
  }

  /// Reads the run file with every variant and seed and traces each network, so that what cannot be trained is said
  /// before anything is. The data are read once.
  /// - Throws: `ConfigError`, `DatasetError`, `TraceError`.
  public init(_ request: Request) throws {
    self.request = request
    let first = try Self.experiment(request, [request.variants[0].setting])
    metric = first.task.decidingMetric
    let seeds = (0..<UInt64(request.seeds)).map { first.settings.seed + $0 }
    let variants = try request.variants.map { try Self.runs(request, $0, seeds, onDataOf: first) }
    runs = seeds.indices.flatMap { seed in variants.map { $0[seed] } }
  }

  /// The runs of one variant, seed by seed.
  private static func runs(
    _ request: Request, _ variant: ComparisonVariant, _ seeds: [UInt64], onDataOf other: Experiment
  ) throws -> [Run] {
    let experiments = try seeds.map { try experiment(request, [variant.setting, "run.seed=\($0)"], onDataOf: other) }
    // A whole batch: modules in time want clips, not single pictures.
    let batch = other.settings.evaluationBatch
    let graph = try NetworkRunners.graph(
      experiments[0].network, experiments[0].task, batch: batch, image: other.evaluationPipeline.outputShape,
      mode: .inference)
    return try zip(seeds, experiments).map { seed, experiment in
      Run(
        experiment: experiment, folder: "\(request.output)/\(variant.folder(seed: seed))",
        blank: ComparedRun(
          variant: variant.label, seed: seed, runFile: try ignoringSeed(experiment.file.resolvedYAML()),
          parameters: graph.parameterCount, multiplyAdds: graph.multiplyAdds / batch),
        factors: graph.parameters.filter(\.isFactor).map(\.path))
    }
  }

  private static func experiment(
    _ request: Request, _ settings: [String], onDataOf other: Experiment? = nil
  ) throws -> Experiment {
    try Experiment(
      RunFile(text: request.text, file: request.file, overrides: request.settings + settings), onDataOf: other,
      makeNetwork: request.makeNetwork)
  }

  /// Trains what is not trained yet. All ranks call this together.
  /// - Returns: how it ended, and on rank 0 what was found.
  public func run(
    _ communicator: any Communicator
  ) throws -> (ending: TrainingLoop.Ending, report: ComparisonReport) {
    var results = try communicator.decidedByFirst("results so far", findResults)
    let isFirst = communicator.rank == 0, progress = isFirst ? request.progress : nil
    var durations: [Double] = []
    for (index, run) in runs.enumerated() where !results[index].isDone {
      progress?.announce("run \(index + 1) of \(runs.count): \(title(run.blank)), in \(run.folder)")
      let start = Date()
      do {
        let ending = try TrainingRun(run.experiment, training(run)).run(communicator).ending
        if ending == .stopped { return (.stopped, ComparisonReport(results, metric: metric)) }
      } catch let error as LossError {
        // Every rank comes here alike. A module that diverges is a result; the others are still to be trained.
        results[index].failure = "\(error)"
      }
      // Of a run that has failed its last state still stands there.
      progress?.finish()
      if isFirst {
        try results[index].collect(from: run.folder, metric: metric, factors: run.factors)
        results[index].isDone = true
        try AppendedFile.replace(run.folder + "/result.json", with: Array(try encoder.encode(results[index])))
        durations.append(Date().timeIntervalSince(start))
        try ComparisonReport(results, metric: metric).write(into: request.output)
        progress?.announce(sentence(results[index], durations, left: results.count { !$0.isDone }))
      }
    }
    let report = ComparisonReport(results, metric: metric)
    if isFirst { try report.write(into: request.output) }
    return (.finished, report)
  }

  private func training(_ run: Run) -> TrainingRun.Request {
    var training = TrainingRun.Request(name: run.blank.variant, build: request.build, progress: request.progress)
    training.isBrief = true
    training.resume = .latest
    training.output = run.folder
    training.stop = request.stop
    return training
  }

  private func title(_ run: ComparedRun) -> String { "\(run.variant), seed \(run.seed)" }

  private func sentence(_ run: ComparedRun, _ durations: [Double], left: Int) -> String {
    let figure = run.failure.map { "came to nothing: \($0)" }
      ?? run.metrics[metric].map { "\(metric) \(NumberText.fixed($0, decimals: 2))" } ?? "no evaluation"
    let each = durations.reduce(0, +) / Double(durations.count)
    let rest = left == 0 ? "" : "; \(left.of("run")) to go, about \(NumberText.duration(each * Double(left)))"
    return "\(title(run)): \(figure) in \(NumberText.duration(durations.last ?? 0))\(rest)"
  }

  /// What is known of the runs.
  /// - Throws: `ComparisonError` for a folder that holds runs of another run file.
  private func findResults() throws -> [ComparedRun] {
    try runs.map { run in
      let blank = run.blank, manager = FileManager.default
      if let data = manager.contents(atPath: run.folder + "/result.json"),
        let result = try? JSONDecoder().decode(ComparedRun.self, from: data), result.runFile == blank.runFile
      {
        return result
      }
      if let data = manager.contents(atPath: run.folder + "/run.yaml") {
        let kept = try Self.ignoringSeed(String(decoding: data, as: UTF8.self))
        if kept != blank.runFile { throw try ComparisonError(folder: run.folder, now: blank.runFile, then: kept) }
      }
      return blank
    }
  }

  private var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// A resolved run file with one seed for all: what the runs of a variant have in common.
  private static func ignoringSeed(_ text: String) throws -> String {
    try RunFile(text: text, overrides: ["run.seed=0"]).resolvedYAML()
  }
}

/// A comparison's folder that holds runs of another run file.
struct ComparisonError: Error, Hashable, CustomStringConvertible {
  let description: String

  init(folder: String, now: String, then: String) throws {
    let differences = try RunFile(text: now).differences(from: RunFile(text: then))
    let first = differences.first.map { ": \($0)" } ?? ""
    description = "\(folder) holds a run of another run file\(first); choose another folder with `--output`"
  }
}
