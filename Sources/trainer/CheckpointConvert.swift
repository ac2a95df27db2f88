import ArgumentParser
import Configuration
import Foundation
import Training

/// `trainer checkpoint convert`: published weights as safetensors under the names that they have here.
struct CheckpointConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a network's weights, from whatever file, as safetensors under the reference's names.",
    discussion: """
      Example: trainer checkpoint convert resnet50.pth --model resnet50 --output resnet50.safetensors

      What `model.weights` of a run file lets pass keeps its start; exit code 65 when the weights do not fit.
      """)

  @OptionGroup var network: CheckpointNetwork

  @Flag(help: "Take the moving average that a file of PyTorch may hold beside its weights.")
  var average = false

  @Option(help: "The file to write; it must not be there yet.")
  var output: String

  @Argument(help: "A file of weights.")
  var path: String

  func validate() throws {
    guard network.isGiven else { throw ValidationError("name the network by --model or --run") }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      try checkNew(output)
      let named = try network.named(job), state = named.runners.state
      let matching = try named.open(path, takesAverage: average)
        .load(into: state, head: named.runners.headPath, tolerance: named.tolerance)
      try WeightFile.write(state, to: output)
      for line in matching.lines { print(line) }
      print("written to \(output)")
      return .success
    }
  }
}

/// - Throws: `ConfigError` where something lies at the path of an output: nobody's file is written over.
func checkNew(_ output: String) throws(ConfigError) {
  guard FileManager.default.fileExists(atPath: output) else { return }
  throw ConfigError(path: "--output", problem: .invalid("\(output) is there already"))
}
