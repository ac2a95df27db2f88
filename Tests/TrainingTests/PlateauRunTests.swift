import Communication
import Configuration
import Foundation
import Testing
import Training

/// A rate that depends on evaluations: the same on all ranks, and after a stop what it would have been without.
@Suite struct PlateauRunTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The loss never halves from one evaluation to the next, so every one after the first is bad.
  private static let text = """
    model: {name: small}
    data: {name: scenes, image_size: 16, batch: 16, training_scenes: 64, evaluation_scenes: 8, augment: []}
    optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.5, average: {decay: 0.5}}
    schedule: {name: plateau, warmup: 2, factor: 0.5, patience: 0, threshold: 0.5, cooldown: 1, metric: loss}
    distributed: {replicas: 4, threads: 1, pin: false, timeout: 60}
    run: {steps: 14, log_every: 1, evaluate_every: 2, checkpoint_every: 4, seed: 3}
    """

  private func train(
    _ name: String, steps: Int? = nil, resume: TrainingRun.Resume? = nil, ranks: Int = 1
  ) throws -> [String] {
    let output = folder.path + "/" + name
    return try InProcessWorld.run(size: ranks, deadline: .seconds(60)) { communicator in
      var lines: [String] = []
      var request = TrainingRun.Request(
        name: name, build: "test", progress: ProgressLine(.plain(intervalSeconds: 0)) { lines.append($0) })
      (request.output, request.steps, request.resume) = (output, steps, resume)
      let experiment = try Experiment(try RunFile(text: Self.text)) { model, _ in
        _ = try model.string("name")
        return SmallNetwork(hasNorm: true)
      }
      _ = try TrainingRun(experiment, request).run(communicator)
      return lines
    }[0]
  }

  private func rates(_ name: String) throws -> [Double] {
    try MetricsLog.records(at: folder.path + "/\(name)/metrics.jsonl").compactMap { record in
      guard case .text("train") = record["phase"] else { return nil }
      return record.number("learning_rate")
    }
  }

  private func file(_ run: String, _ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path + "/\(run)/checkpoints/latest/\(name)"))
  }

  @Test func `Evaluations lower the rate, alike on any number of ranks and over stops`() throws {
    let lines = try train("unbroken")
    // Two steps of warm-up, whose evaluation does not count; the one after step 4 is the best, 6 lowers the rate, 8 is
    // in the cool-down, 10 lowers it again, 12 is in the cool-down, and 14 lowers it for nobody.
    let wanted = [0.025] + [Double](repeating: 0.05, count: 5) + [Double](repeating: 0.025, count: 4)
      + [Double](repeating: 0.0125, count: 4)
    #expect(try rates("unbroken") == wanted)
    #expect(lines.count { $0.contains("loss no longer improves on") } == 3, "\(lines)")
    #expect(lines.contains { $0.contains("learning rate 0.05 -> 0.025") }, "\(lines)")

    _ = try train("shared", ranks: 4)
    #expect(try rates("shared") == wanted)

    // Stops that an evaluation goes with which an unbroken run does not have (3, 9), and in a cool-down (7).
    _ = try train("stopped", steps: 3)
    _ = try train("stopped", steps: 4, resume: .latest, ranks: 2)
    _ = try train("stopped", steps: 2, resume: .latest)
    #expect(try CheckpointReader(folder.path + "/stopped/checkpoints/latest").info.plateau?.scale == 0.5)
    _ = try train("stopped", resume: .latest, ranks: 4)
    #expect(try rates("stopped") == wanted)
    for name in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try file("shared", name) == file("unbroken", name), "\(name)")
      #expect(try file("stopped", name) == file("unbroken", name), "\(name)")
    }
    let plateaus = try ["unbroken", "shared", "stopped"].map {
      try CheckpointReader(folder.path + "/\($0)/checkpoints/latest").info.plateau
    }
    #expect(plateaus[0]?.scale == 0.125 && plateaus[1] == plateaus[0] && plateaus[2] == plateaus[0])
  }
}
