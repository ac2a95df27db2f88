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
  /// What every run will be, seed by seed, so that a first table is there early.
  private let blank: [ComparedRun]
  private let metric: String

  /// Reads the run file with every variant and traces its network, so that what cannot be trained is said before
  /// anything is.
  /// - Throws: `ConfigError`, `DatasetError`, `TraceError`.
  public init(_ request: Request) throws {
    self.request = request
    var metric = "", runs: [ComparedRun] = []
    for variant in request.variants {
      let experiment = try Self.experiment(request, variant), first = experiment.settings.seed
      let file = try Self.ignoringSeed(experiment.file.resolvedYAML())
      metric = experiment.task.decidingMetric
      // A whole batch: modules in time want clips, not single pictures.
      let batch = experiment.settings.evaluationBatch
      let graph = try NetworkRunners.graph(
        experiment.network, experiment.task, batch: batch, image: experiment.evaluationPipeline.outputShape,
        mode: .inference)
      for seed in first..<first + UInt64(request.seeds) {
        runs.append(
          ComparedRun(
            variant: variant.label, seed: seed, runFile: file, parameters: graph.parameterCount,
            multiplyAdds: graph.multiplyAdds / batch))
      }
    }
    self.metric = metric
    // Stable: within a seed the variants keep their order.
    blank = Set(runs.map(\.seed)).sorted().flatMap { seed in runs.filter { $0.seed == seed } }
  }

  /// Trains what is not trained yet. All ranks call this together.
  /// - Returns: how it ended, and on rank 0 what was found.
  public func run(
    _ communicator: any Communicator
  ) throws -> (ending: TrainingLoop.Ending, report: ComparisonReport) {
    var runs = try communicator.decidedByFirst("results so far", findResults)
    let isFirst = communicator.rank == 0, progress = isFirst ? request.progress : nil
    var durations: [Double] = []
    for (index, run) in runs.enumerated() where !run.isDone {
      let variant = request.variants.first { $0.label == run.variant }!, folder = folder(run)
      progress?.announce("run \(index + 1) of \(runs.count): \(run.variant), seed \(run.seed), in \(folder)")
      let start = Date()
      let experiment = try Self.experiment(request, variant, seed: run.seed)
      var training = TrainingRun.Request(name: run.variant, build: request.build, progress: request.progress)
      training.isBrief = true
      training.resume = .latest
      training.output = folder
      training.stop = request.stop
      do {
        let ending = try TrainingRun(experiment, training).run(communicator).ending
        if ending == .stopped { return (.stopped, ComparisonReport(runs, metric: metric)) }
      } catch let error as LossError {
        // Every rank comes here alike. A module that diverges is a result; the others are still to be trained.
        runs[index].failure = "\(error)"
      }
      if isFirst {
        try runs[index].collect(from: folder, metric: metric)
        runs[index].isDone = true
        try AppendedFile.replace(folder + "/result.json", with: Array(try encoder.encode(runs[index])))
        durations.append(Date().timeIntervalSince(start))
        let report = ComparisonReport(runs, metric: metric)
        try report.write(into: request.output)
        progress?.announce(sentence(runs[index], durations, left: runs.count { !$0.isDone }))
      }
    }
    let report = ComparisonReport(runs, metric: metric)
    if isFirst { try report.write(into: request.output) }
    return (.finished, report)
  }

  private func sentence(_ run: ComparedRun, _ durations: [Double], left: Int) -> String {
    let figure = run.failure.map { "came to nothing: \($0)" }
      ?? run.metrics[metric].map { "\(metric) \(NumberText.fixed($0, decimals: 2))" } ?? "no evaluation"
    let each = durations.reduce(0, +) / Double(durations.count)
    let rest = left == 0 ? "" : "; \(left.of("run")) to go, about \(NumberText.duration(each * Double(left)))"
    return "\(run.variant), seed \(run.seed): \(figure) in \(NumberText.duration(durations.last ?? 0))\(rest)"
  }

  private func folder(_ run: ComparedRun) -> String {
    let variant = request.variants.first { $0.label == run.variant }!
    return "\(request.output)/\(variant.folder(seed: run.seed))"
  }

  /// The runs with what is known of those that have finished.
  /// - Throws: `ComparisonError` for a folder that holds runs of another run file.
  private func findResults() throws -> [ComparedRun] {
    try blank.map { run in
      let folder = folder(run), manager = FileManager.default
      if let data = manager.contents(atPath: folder + "/result.json"),
        let result = try? JSONDecoder().decode(ComparedRun.self, from: data), result.runFile == run.runFile
      {
        return result
      }
      if let data = manager.contents(atPath: folder + "/run.yaml") {
        let kept = try Self.ignoringSeed(String(decoding: data, as: UTF8.self))
        if kept != run.runFile { throw try ComparisonError(folder: folder, now: run.runFile, then: kept) }
      }
      return run
    }
  }

  private var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  private static func experiment(
    _ request: Request, _ variant: ComparisonVariant, seed: UInt64? = nil
  ) throws -> Experiment {
    let settings = request.settings + [variant.setting] + (seed.map { ["run.seed=\($0)"] } ?? [])
    return try Experiment(
      RunFile(text: request.text, file: request.file, overrides: settings), makeNetwork: request.makeNetwork)
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
