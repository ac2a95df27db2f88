import ArgumentParser
import Foundation
import Safetensors
import Training

/// `trainer checkpoint compare`: where two checkpoints or files of weights differ.
struct CheckpointCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two checkpoints or files of weights, number by number.",
    discussion: """
      Example: trainer checkpoint compare runs/first/checkpoints/latest runs/second/checkpoints/latest

      Of checkpoint folders the moments are compared too. Exit code 1 when anything differs.
      """)

  @Option(help: "What two numbers may differ by, as a share of the largest magnitude in their tensor.")
  var tolerance = 0.0

  @Option(help: "The tensors that are listed.")
  var top = 20

  @Argument(help: "A checkpoint folder, or a file of weights.")
  var first: String

  @Argument(help: "Another one.")
  var second: String

  func validate() throws {
    guard tolerance >= 0, tolerance.isFinite else {
      throw ValidationError("--tolerance: wanted a number from 0, found \(tolerance)")
    }
    guard top >= 0 else { throw ValidationError("--top: wanted a number from 0, found \(top)") }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      let comparison = try TensorComparison(
        StoredTensors(first), StoredTensors(second), tolerance: tolerance)
      print(text(comparison), terminator: "")
      return comparison.differences.isEmpty ? .success : .failure
    }
  }

  private func text(_ comparison: TensorComparison) -> String {
    let count = comparison.differences.count
    let same = tolerance == 0 ? "the same numbers" : "the same numbers within \(tolerance)"
    guard count > 0 else { return "\(comparison.commonCount) tensors have \(same)\n" }
    var table = SummaryTable(
      columns: [.init("tensor"), .init("elements", .right), .init("largest", .right), .init("relative", .right)])
    for (name, difference) in comparison.differences.prefix(top) {
      switch difference {
      case .onlyInFirst: table.append([name.oneLine(), "only in the first", "", ""])
      case .onlyInSecond: table.append([name.oneLine(), "only in the second", "", ""])
      case .shape(let a, let b): table.append([name.oneLine(), "\(a) and \(b)", "", ""])
      case .values(let different, let all, let largest, let relative):
        table.append([
          name.oneLine(), "\(different) of \(all)", NumberText.significant(largest, digits: 3),
          NumberText.significant(relative, digits: 3),
        ])
      }
    }
    let rest = count > top ? "… \(count - top) more\n" : ""
    return table.text + rest + "\(count) tensors differ; \(comparison.commonCount) names are in both\n"
  }
}
