import ArgumentParser
import Foundation
import Safetensors
import Training

/// `trainer checkpoint show`: the tensors at a path, and how they fit a network.
struct CheckpointShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "List the tensors of a checkpoint or a file of weights, or hold them against a network.",
    discussion: """
      Example: trainer checkpoint show resnet50.pth --run configs/classification/resnet50-cbam_imagenet.yaml

      With --model or --run it lists what matches, is missing or left over, as a run would with `model.weights`; exit \
      code 1 when a run would not start from it.
      """)

  @OptionGroup var network: CheckpointNetwork

  @Flag(help: "Read the moving average that a file of PyTorch may hold beside its weights.")
  var average = false

  @Flag(help: "One JSON object.")
  var json = false

  @Argument(help: "A checkpoint folder, or a file of weights.")
  var path: String

  func validate() throws {
    if json && network.isGiven { throw ValidationError("--json lists tensors; it goes without a network") }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      if network.isGiven { return try held(against: try network.named(job)) }
      let stored = try StoredTensors(path, takesAverage: average)
      let rows = try stored.names.compactMap { name in try stored.description(name).map { (name, $0) } }
      print(json ? try jsonText(Listing(stored, rows)) : Self.text(stored, rows), terminator: json ? "\n" : "")
      return .success
    }
  }

  private struct Listing: Encodable {
    struct Tensor: Encodable {
      let name: String
      let type: String
      let shape: [Int]
    }

    let path: String
    let format: String
    let step: OrNull<Int>
    let tensors: [Tensor]

    init(_ stored: StoredTensors, _ rows: [(String, StoredTensors.Description)]) {
      path = stored.path
      format = stored.format
      step = OrNull(stored.info?.step)
      tensors = rows.map { Tensor(name: $0.0, type: $0.1.elementType.rawValue, shape: $0.1.shape) }
    }
  }

  private static func text(_ stored: StoredTensors, _ rows: [(String, StoredTensors.Description)]) -> String {
    var table = SummaryTable(columns: [.init("tensor"), .init("type"), .init("elements", .right), .init("shape")])
    for (name, tensor) in rows {
      table.append([
        name.oneLine(), tensor.elementType.rawValue, NumberText.grouped(tensor.count), "\(tensor.shape)".oneLine(),
      ])
    }
    var lines = ["\(stored.path): \(stored.format), \(rows.count) tensors"]
    if let info = stored.info {
      lines.append(
        "step \(info.step), epoch \(info.epoch), batch \(info.globalBatch), \(info.replicas) replicas, "
          + "seed \(info.seed)"
          + (info.metric.map { ", metric \(NumberText.significant($0, digits: 5))" } ?? ""))
    }
    return (lines + [table.text]).joined(separator: "\n")
  }

  private func held(against network: CheckpointNetwork.Named) throws -> ProgramExit {
    let file = try network.open(path, takesAverage: average)
    try file.checkForm(of: network.runners.mainPlan.program.graph)
    let matching = try file.matching(network.runners.state, newHead: network.newHead)
    for line in matching.lines { print(line) }
    return matching.isGood(network.tolerance) ? .success : .failure
  }
}
