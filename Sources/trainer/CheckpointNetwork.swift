import ArgumentParser
import Configuration
import Models
import Training

/// The network that `trainer checkpoint` holds weights against.
struct CheckpointNetwork: ParsableArguments {
  @Option(help: "A network of the catalogue.")
  var model: String?

  @Option(name: .customLong("run"), help: "A run file: its network, and what its model.weights allows.")
  var runFile: String?

  func validate() throws {
    if model != nil && runFile != nil {
      throw ValidationError("--model and --run both name a network: give one of them")
    }
  }

  /// Whether one is named.
  var isGiven: Bool { model != nil || runFile != nil }

  /// A network at its start, and how weights are to meet it.
  struct Named {
    let runners: NetworkRunners
    let weights: StartingWeights?

    var tolerance: WeightFile.Tolerance { weights?.tolerance ?? WeightFile.Tolerance() }
    /// The classifier's path, where it starts anew.
    var newHead: String? { tolerance.hasNewHead ? runners.headPath : nil }

    /// Opens a file of weights as the run file says.
    func open(_ path: String, takesAverage: Bool) throws -> WeightFile {
      let file = try WeightFile.open(path, takesAverage: takesAverage || weights?.takesAverage == true)
      return WeightFile(file, prefix: weights?.prefix ?? "")
    }
  }

  /// - Throws: `ConfigError` for names that no catalogue has; `ValidationError` where nothing is named.
  func named(_ job: Job) throws -> Named {
    if let model {
      let named = try NamedNetwork(model)
      return Named(runners: try NetworkRunners(tracing: named.network, imageSize: named.imageSize), weights: nil)
    }
    guard let runFile else { throw ValidationError("name a network by --model or --run") }
    let section = try job.runFile([runFile]).section("model")
    // An unknown name is `makeNetwork`'s to complain about.
    let entry = ModelCatalog.entries[try section.string("name")]
    let classes = try section.int("classes", default: entry?.classes ?? 1000, in: 1...1_000_000)
    let network = try makeNetwork(section, classes: classes)
    return Named(
      runners: try NetworkRunners(tracing: network, imageSize: entry?.imageSize ?? 224),
      weights: try StartingWeights(section))
  }
}
