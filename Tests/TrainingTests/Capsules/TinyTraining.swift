import Communication
import Compute
import Configuration
import Datasets
import Graphs
import Layers
import Training

/// Training runs of small networks on 64 scenes of 16 pixels that are used as they are: four replicas of four samples.
struct TinyTraining {
  private let folder = try! TemporaryFolder()
  var network: @Sendable () -> any Module = { SmallNetwork(hasNorm: true) }

  static let text = """
    model: {name: small}
    data: {name: scenes, image_size: 16, batch: 16, training_scenes: 64, evaluation_scenes: 8, augment: []}
    task: {label_smoothing: 0.1}
    optimizer: {name: sgd, learning_rate: 0.05, base_batch: 16}
    schedule: {name: constant}
    distributed: {replicas: 4, threads: 1, pin: false, timeout: 60}
    run: {steps: 4, log_every: 1, seed: 3}
    """

  func path(_ name: String) -> String { folder.path + "/" + name }

  static func experiment(_ settings: [String] = [], _ network: () -> any Module) throws -> Experiment {
    try Experiment(try RunFile(text: text, overrides: settings)) { model, _ in
      _ = try model.string("name")
      return network()
    }
  }

  /// Trains into the folder `name` and returns what rank 0 said.
  @discardableResult
  func train(_ name: String, _ settings: [String] = [], ranks: Int = 1, isDebugging: Bool = false) throws -> [String] {
    let output = path(name), network = network
    return try InProcessWorld.run(size: ranks, deadline: .seconds(60)) { communicator in
      var lines: [String] = []
      var request = TrainingRun.Request(
        name: name, build: "test", progress: ProgressLine(.plain(intervalSeconds: 0)) { lines.append($0) })
      request.output = output
      request.isDebugging = isDebugging
      _ = try TrainingRun(try Self.experiment(settings, network), request).run(communicator)
      return lines
    }[0]
  }

  func capsule(_ name: String, step: Int) throws -> CapsuleReader {
    try CapsuleReader(path(name) + "/capsules/step-00000\(step)")
  }

  func replay(_ capsule: CapsuleReader, threads: Int = 1) throws -> ReplayResult {
    try StepReplay(capsule, threads: threads) { model, _ in
      _ = try model.string("name")
      return network()
    }.run()
  }
}

/// A small network that turns pictures whose first channel is brighter than `threshold` into infinity.
struct BrightnessTrap: Module {
  let threshold: Float

  func callAsFunction(_ images: Tensor) -> Tensor {
    let first = images.mean(over: .spatial) * images.trace.constant("first", [3], [1, 0, 0])
    let excess = (first + images.trace.constant("threshold", [3], [-threshold, -1, -1])).relu()
    return SmallNetwork()(images + excess * 1e30 * 1e30)
  }
}

/// A small network with finite values and a gradient that is not: d(a / b)/db = -a / b² with b = 1e-37.
struct SteepGain: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    let logits = SmallNetwork()(images)
    return (logits * 1e-33) / logits.channelParameter("gain", start: 1e-37)
  }
}

/// One linear layer whose twelve classes are two more than the data have, with a gain that only those two have: what it
/// gets from each sample has one sign, and 9e39 as a factor.
struct UnusedClasses: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    let logits = images.mean(over: .spatial).reshaped(images.shape[0], -1).linear("fc", 12)
    let mask = images.trace.constant("mask", [12], [Float](repeating: 0, count: 10) + [1, 1])
    return logits + logits.channelParameter("gain", start: 0) * 9e9 * 1e30 * mask
  }
}

/// Pictures so bright that their variance is infinite, normalised and then not used.
struct HugeStatistic: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    let lost = (images * 1e30).batchNorm("huge").relu() * 0
    return SmallNetwork()(images + lost)
  }
}
