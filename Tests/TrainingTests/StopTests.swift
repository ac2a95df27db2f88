import Communication
import Configuration
import Foundation
import Models
import Testing
import Training

/// A request to stop that comes at an awkward moment: what it cut short is made up for after the resume.
@Suite struct StopTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Trains for 6 steps with an evaluation and a checkpoint after each third.
  /// - Parameter stopStep: the request comes with the report of this step, just before what is due after it.
  private func train(
    _ name: String, stoppingAt stopStep: Int? = nil, resume: TrainingRun.Resume? = nil, _ settings: [String] = []
  ) throws -> (ending: TrainingLoop.Ending, lines: [String]) {
    let file = try RunFile(
      text: """
        model: {name: resnet20}
        data: {name: scenes, image_size: 16, batch: 8, training_scenes: 32, evaluation_scenes: 24}
        task: {name: classification}
        optimizer: {name: sgd, learning_rate: 0.05, base_batch: 8, average: {decay: 0.9}}
        distributed: {threads: 1}
        run: {steps: 6, log_every: 1, evaluate_every: 3, checkpoint_every: 3}
        """, overrides: settings)
    let stop = StopRequest(catching: [])
    var lines: [String] = []
    let progress = ProgressLine(.plain(intervalSeconds: 0)) { text in
      lines.append(text)
      if let stopStep, text.contains("step \(stopStep)/6") { stop.request() }
    }
    var request = TrainingRun.Request(name: name, build: "test", progress: progress)
    request.output = folder.path + "/" + name
    request.resume = resume
    request.stop = stop
    let run = TrainingRun(try Experiment(file) { try ModelCatalog.network($0, classes: $1) }, request)
    return (try run.run(SoloCommunicator()).ending, lines)
  }

  private func evaluations(_ name: String) throws -> [String] {
    try MetricsLog.records(at: folder.path + "/\(name)/metrics.jsonl").compactMap { record in
      guard case .text(let phase) = record["phase"], phase != "train" else { return nil }
      return "\(phase) \(record.number("step")!) \(record.number("top1")!) \(record.number("loss")!)"
    }
  }

  private func model(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path + "/\(name)/checkpoints/latest/model.safetensors"))
  }

  @Test(arguments: [3, 6])
  func `An evaluation that a stop cut short is done after the resume, once`(step: Int) throws {
    #expect(try train("unbroken").ending == .finished)
    let wanted = try evaluations("unbroken")
    #expect(wanted.count == 4, "parameters and their average, twice: \(wanted)")

    #expect(try train("stopped", stoppingAt: step).ending == .stopped, "after the last step too: something is left")
    #expect(try CheckpointReader(folder.path + "/stopped/checkpoints/latest").info.step == step)
    #expect(try evaluations("stopped") == Array(wanted.prefix(step == 3 ? 0 : 2)))

    let resumed = try train("stopped", resume: .latest)
    #expect(resumed.ending == .finished)
    let found = try evaluations("stopped")
    #expect(found == wanted, "\(found)\n\(wanted)")
    #expect(try model("stopped") == model("unbroken"))
    let info = try [folder.path + "/stopped", folder.path + "/unbroken"].map {
      try CheckpointReader($0 + "/checkpoints/latest").info
    }
    #expect(info[0].metric == info[1].metric && info[0].bestMetric == info[1].bestMetric)

    #expect(try train("stopped", resume: .latest).ending == .finished, "a finished run has nothing left to do")
    #expect(try evaluations("stopped") == wanted)
  }

  @Test func `A resume with other numbers says what is no longer as it was`() throws {
    // The step after notices.
    _ = try train("run", stoppingAt: 1)
    func warnings(_ settings: [String]) throws -> [String] {
      try train("run", resume: .path(folder.path + "/run/checkpoints/step-000002"), settings).lines
        .filter { $0.hasPrefix("warning: not what an unbroken run gives: ") }
    }
    #expect(try warnings([]).isEmpty)
    #expect(try warnings(["run.keep_last=7", "data.loader_threads=1", "distributed.timeout=20"]).isEmpty)
    let found = try warnings([
      "data.batch=4", "run.seed=3", "distributed.replicas=2", "optimizer.weight_decay=0.25",
      "data.mix={mixup_alpha: 0.2}",
    ])
    for sentence in [
      "data.batch is 4, in the checkpoint it was 8", "run.seed is 3, in the checkpoint it was 0",
      "distributed.replicas is 2, in the checkpoint it was 1", "optimizer.weight_decay is 0.25, in the checkpoint it was",
      "data.mix.mixup_alpha is 0.2, in the checkpoint it was nothing",
    ] {
      #expect(found.contains { $0.contains(sentence) }, "\(sentence): \(found)")
    }
  }
}
