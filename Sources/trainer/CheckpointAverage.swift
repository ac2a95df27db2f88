import ArgumentParser
import Training

/// `trainer checkpoint average`: the mean of several checkpoints' weights.
struct CheckpointAverage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "average",
    abstract: "Write the mean of several checkpoints' weights as safetensors.",
    discussion: """
      Example: trainer checkpoint average runs/first/checkpoints/step-* --output runs/first/mean.safetensors

      Running statistics are averaged too; moments are left out. All must have the same tensors.
      """)

  @Option(help: "The file to write; it must not be there yet.")
  var output: String

  @Argument(help: "Checkpoint folders, or files of weights: two or more.")
  var paths: [String]

  func validate() throws {
    guard paths.count >= 2 else { throw ValidationError("wanted two checkpoints or more, found \(paths.count)") }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      try checkNew(output)
      let sources = try paths.map { try StoredTensors($0, part: .model) }
      try WeightAverage(sources).write(to: output)
      print("the mean of \(sources.count), \(sources[0].names.count) tensors, is written to \(output)")
      return .success
    }
  }
}
