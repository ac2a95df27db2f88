import Foundation
import Testing

/// A folder with a run file that trains in a second or two, and the runs that were made from it.
final class TinyRun {
  let folder: String

  /// ResNet-20 on 64 scenes of 16 pixels, 4 replicas, 4 steps an epoch.
  static let text = """
    model: {name: resnet20, attention: se}
    data: {name: scenes, image_size: 16, batch: 16, training_scenes: 64, evaluation_scenes: 40}
    task: {name: classification}
    optimizer: {name: sgd, learning_rate: 0.05, base_batch: 16, momentum: 0.9}
    schedule: {name: cosine, warmup: 10 %}
    distributed: {replicas: 4, threads: 1}
    run: {steps: 6, log_every: 1}
    """

  /// Settings that add whatever a resumed run could lose: moments, a moving average, random augmentation of every kind.
  static let everything = [
    "optimizer={name: adamw, learning_rate: 1e-3, base_batch: 16, clip_norm: 1, average: {decay: 0.9}}",
    "data.augment=[{name: crop, padding: 2}, flip, {name: color_jitter, brightness: 0.2}, timm_rand_augment,"
      + " random_erasing]",
    "data.mix={mixup_alpha: 0.8, cutmix_alpha: 1, mode: pair}", "data.repeats=2",
    "task.label_smoothing=0.1",
  ]

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("tiny-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Self.text.write(toFile: file, atomically: true, encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var file: String { folder + "/tiny.yaml" }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// Arguments of `trainer` that train into `output`.
  func arguments(_ output: String, _ settings: [String] = [], _ options: [String] = []) -> [String] {
    ["train", file] + settings + ["--output", path(output)] + options
  }

  /// Trains and returns how it ended.
  @discardableResult
  func train(
    _ output: String, _ settings: [String] = [], _ options: [String] = [], ranks: Int? = nil,
    on hosts: NetworkHosts? = nil, expecting code: Int32 = 0
  ) throws -> Program.Ending {
    let ending = try Program.run(arguments(output, settings, options), ranks: ranks, on: hosts, seconds: 300)
    #expect(ending.code == code, "\(settings) \(options) on \(ranks ?? 1) ranks: \(ending.errors)\n\(ending.output)")
    return ending
  }

  /// The processes of the program that train into `output`, on whichever host.
  func processes(_ output: String) -> [Int32] {
    let folder = path(output)
    return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }.filter {
      let words = (try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8))?.split(separator: "\0") ?? []
      return words.first?.hasSuffix("/trainer") == true && words.contains { $0 == folder }
    }
  }

  /// The process of one rank of the job that trains into `output`.
  func process(_ output: String, rank: Int) -> Int32? {
    processes(output).first {
      let variables = try? String(contentsOfFile: "/proc/\($0)/environ", encoding: .utf8)
      return variables?.split(separator: "\0").contains("OMPI_COMM_WORLD_RANK=\(rank)") ?? false
    }
  }

  /// A file of a run's checkpoint.
  func bytes(_ output: String, _ file: String = "model.safetensors", of checkpoint: String = "latest") throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path("\(output)/checkpoints/\(checkpoint)/\(file)")))
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// The steps of the lines of `metrics.jsonl` with this phase, in their order.
  func steps(_ output: String, phase: String = "train") throws -> [Int] {
    try records(output).filter { $0["phase"] as? String == phase }.compactMap { $0["step"] as? Int }
  }

  /// The last number that `metrics.jsonl` has under `name`.
  func last(_ name: String, _ output: String, phase: String = "train") throws -> Double {
    let values = try records(output).filter { $0["phase"] as? String == phase }.compactMap { $0[name] as? Double }
    return try #require(values.last)
  }

  /// The losses that training steps have logged.
  func losses(_ output: String) throws -> [Double] {
    try records(output).filter { $0["phase"] as? String == "train" }.compactMap { $0["loss"] as? Double }
  }

  /// What the evaluations found, those of the moving average too.
  func evaluations(_ output: String) throws -> [String] {
    try records(output).compactMap { record in
      guard let phase = record["phase"] as? String, phase != "train" else { return nil }
      return "\(phase) \(record["step"]!) \(record["top1"]!) \(record["loss"]!)"
    }
  }

  private func records(_ output: String) throws -> [[String: Any]] {
    try String(contentsOfFile: path("\(output)/metrics.jsonl"), encoding: .utf8).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }
}
