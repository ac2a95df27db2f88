import ArgumentParser
import Communication
import Compute
import Foundation
import Tasks
import Training

/// `trainer evaluate`: exact figures of a checkpoint on the evaluation set of a run file.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Evaluate a checkpoint: every sample once, the same figures on any number of ranks.",
    discussion: """
      Example: mpirun -n 4 trainer evaluate configs/quickstart.yaml --checkpoint runs/quickstart/checkpoints/latest
      """)

  @Argument(help: "A run file, then settings that win over it.")
  var runAndSettings: [String] = []

  @Option(help: "A checkpoint folder, or weights under the reference's names: safetensors, or .pth of PyTorch.")
  var checkpoint: String

  @Flag(help: "The moving average of the weights, which a run with `optimizer.average` keeps.")
  var average = false

  @Flag(help: "One JSON object instead of a table.")
  var json = false

  func run() throws {
    try Job.start { job in
      let experiment = try job.experiment(try job.runFile(runAndSettings))
      let result = try EvaluationRun(experiment, checkpoint: checkpoint, isAveraged: average)
        .run(job.communicator)
      guard job.communicator.rank == 0 else { return .success }
      for sample in result.broken { show("skipped: \(sample)\n", on: STDERR_FILENO) }
      print(json ? try Self.object(result) : Self.table(result, of: experiment.evaluation.count))
      return .success
    }
  }

  private static func object(_ result: Evaluation.Result) throws -> String {
    var values: [String: Any] = ["seconds": result.seconds]
    for metric in result.metrics { values[metric.name] = metric.name == "samples" ? Int(metric.value) : metric.value }
    return String(decoding: try JSONSerialization.data(withJSONObject: values, options: [.sortedKeys]), as: UTF8.self)
  }

  private static func table(_ result: Evaluation.Result, of count: Int) -> String {
    var table = SummaryTable(columns: [.init("metric"), .init("value", .right)])
    for metric in result.metrics where metric.name != "samples" {
      table.append([metric.name, String(format: "%.4f", metric.value)])
    }
    return table.text + "\n\(Int(result.metric("samples") ?? 0)) of \(count) samples, each once"
  }
}
