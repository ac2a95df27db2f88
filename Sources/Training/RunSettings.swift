import Communication
import Configuration
import Datasets
import Graphs

/// The parts of a run file that belong to the loop: how long, how often, how split over ranks.
public struct RunSettings: Sendable {
  /// Samples of a step over all replicas.
  public let globalBatch: Int
  public let evaluationBatch: Int
  public let dropsShortBatch: Bool
  /// How many times a step has each of its samples, augmented differently.
  public let repeats: Int
  public let loader: LoaderSettings
  /// Logical replicas of a step; 0 for as many as there are ranks.
  public let replicas: Int
  public let reduction: ReductionKind?
  /// Whether gradients travel as bfloat16.
  public let compresses: Bool
  /// Whether gradients are summed while the backward pass goes on; otherwise after it.
  public let overlaps: Bool
  /// Whether each rank keeps and updates the moments of its part of the parameters alone.
  public let shardsOptimizer: Bool
  /// Steps from mean to mean of the ranks' parameters, and where that begins; 1 for gradients summed in every step.
  public let syncEvery: Int
  public let syncFrom: Interval
  public let timeoutSeconds: Double
  /// Threads of a rank; 0 for its share of the processors.
  public let threads: Int
  /// Whether threads stay on processors of their own where there are enough.
  public let pinsThreads: Bool
  public let bucketSize: BucketSize
  public let epochs: Double
  /// Ends the run after so many steps, whatever `epochs` says; 0 for no such end.
  public let steps: Int
  public let seed: UInt64
  public let evaluateEvery: Interval
  public let checkpointEvery: Interval
  public let keepLast: Int
  public let keepBest: Int
  public let logEverySteps: Int
  /// Whether rank 0 leaves `trace.json`: a few steps on the clock, with their communication.
  public let traces: Bool
  /// Evaluation pictures that rank 0 explains after every evaluation; 0 for none.
  public let explainedPictures: Int
  /// The step, counted from 1, that leaves a capsule to replay; 0 for none.
  public let captureStep: Int
  /// A loss so many times the median of those before it leaves one too; 0 for none.
  public let captureSpikes: Double
  /// What a rank's arena may take in a training step; changes no number.
  public let memoryBudget: MemoryBudget
  /// Whether rank 0 measures which methods are fastest for the run's convolutions, where a rule would choose them.
  public let tunes: Bool
  /// The names of rewrites that the run does without.
  public let disabledRewrites: Set<String>

  /// What is unusual about how several ranks work together, for the log.
  func remarks(ranks: Int) -> String {
    if ranks == 1 { return "" }
    return (overlaps ? "" : " after the backward pass") + (shardsOptimizer ? ", moments shared out over the ranks" : "")
      + (syncEvery > 1 ? ", from \(syncFrom) on means of parameters every \(syncEvery) steps" : "")
  }

  /// What the ranks' work together must allow.
  var demands: ReplicaAssignment.Demands {
    var demands: ReplicaAssignment.Demands = []
    if compresses { demands.insert(.compression) }
    if shardsOptimizer { demands.insert(.shards) }
    if syncEvery > 1 { demands.insert(.localSteps) }
    return demands
  }

  /// Reads the sections `data`, `distributed` and `run`. Every number has an upper bound, beyond what anybody can run,
  /// below which no product of two of them leaves 64 bits.
  public init(_ file: RunFile) throws(ConfigError) {
    let data = try file.section("data"), distributed = try file.section("distributed"), run = try file.section("run")
    globalBatch = try data.int("batch", default: 128, in: 1...1 << 24)
    // Not larger than 64: the plan of an evaluation then fits into the arena of the training.
    evaluationBatch = try data.int("evaluation_batch", default: min(globalBatch, 64), in: 1...1 << 24)
    dropsShortBatch = try data.bool("drop_last", default: false)
    repeats = try data.int("repeats", default: 1, in: 1...1 << 16)
    guard repeats <= globalBatch else {
      throw data.error("repeats", "a batch of \(globalBatch) cannot have a sample \(repeats) times")
    }
    loader = try LoaderSettings(reading: data)
    replicas = try distributed.int("replicas", default: 0, in: 0...1 << 20)
    let kind = try distributed.choice("reduction", among: ["auto", "tree", "fast"], default: "auto")
    reduction = ReductionKind(rawValue: kind)
    compresses = try distributed.choice("compression", among: ["none", "bf16"], default: "none") == "bf16"
    overlaps = try distributed.bool("overlap", default: true)
    shardsOptimizer = try distributed.bool("shard_optimizer", default: false)
    syncEvery = try distributed.int("sync_every", default: 1, in: 1...1 << 20)
    syncFrom = try distributed.interval("sync_from", default: .steps(0))
    timeoutSeconds = try distributed.float("timeout", default: 300, in: 1...1e7)
    threads = try distributed.int("threads", default: 0, in: 0...4096)
    pinsThreads = try distributed.bool("pin", default: true)
    bucketSize = try BucketSize(reading: distributed)
    epochs = try run.float("epochs", default: 10, in: 0...1e6)
    steps = try run.int("steps", default: 0, in: 0...1 << 48)
    seed = UInt64(try run.int("seed", default: 0, in: 0...))
    evaluateEvery = try run.interval("evaluate_every", default: .epochs(1))
    checkpointEvery = try run.interval("checkpoint_every", default: .epochs(1))
    keepLast = try run.int("keep_last", default: 3, in: 1...)
    keepBest = try run.int("keep_best", default: 1, in: 0...)
    logEverySteps = try run.int("log_every", default: 10, in: 1...)
    traces = try run.bool("trace", default: false)
    explainedPictures = try run.int("explain", default: 0, in: 0...64)
    tunes = try run.bool("tune", default: false)
    captureStep = try run.int("capture_step", default: 0, in: 0...)
    captureSpikes = try run.float("capture_spikes", default: 10, in: 0...)
    let budget = try run.string("memory_budget", default: "auto")
    guard let read = MemoryBudget(budget) else {
      throw run.error("memory_budget", "wanted \(MemoryBudget.wording), found '\(budget)'")
    }
    memoryBudget = read
    disabledRewrites = Set(try run.strings("disable_rewrites", default: []))
    if let flaw = Self.flaw(ofRewrites: disabledRewrites) { throw run.error("disable_rewrites", flaw) }
  }

  /// What is wrong with names of rewrites to do without: a clause with the nearest name, or `nil`.
  public static func flaw(ofRewrites names: Set<String>) -> String? {
    let known = Plan.rewrites.map(\.name)
    return names.sorted().first { !known.contains($0) }.map { name in
      let nearest = nearestName(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
      return "wanted names among \(known.joined(separator: ", ")), found '\(name)'\(nearest)"
    }
  }
}
