import Foundation
import Safetensors

/// What a comparison keeps of one finished run: `result.json` in the run's folder.
public struct ComparedRun: Codable, Hashable, Sendable {
  /// The variant's label.
  public var variant: String
  public var seed: UInt64
  /// The resolved run file, the seed aside: a result of another one does not count.
  public var runFile: String
  public var parameters: Int
  /// Of one image, forward.
  public var multiplyAdds: Int
  /// The median over the run's log intervals.
  public var imagesPerSecond: Double?
  /// The last evaluation's figures.
  public var metrics: [String: Double] = [:]
  /// The deciding metric after each evaluation.
  public var curve: [Evaluated] = []
  /// Trained scalars by name, in the order of depth: CAT's colla-factors, a residual's gain.
  public var factors: [String: [Double]] = [:]
  /// Why the run came to nothing, where it did.
  public var failure: String?
  /// Whether there is nothing left to do.
  public var isDone = false

  /// One evaluation of a curve.
  public struct Evaluated: Codable, Hashable, Sendable {
    public var epoch: Int
    public var value: Double

    package init(epoch: Int, value: Double) {
      self.epoch = epoch
      self.value = value
    }
  }

  /// A run that is still to be done.
  package init(variant: String, seed: UInt64, runFile: String, parameters: Int, multiplyAdds: Int) {
    self.variant = variant
    self.seed = seed
    self.runFile = runFile
    self.parameters = parameters
    self.multiplyAdds = multiplyAdds
  }

  /// Collects what a run has left in `folder`.
  /// - Parameter metric: the name of the deciding metric.
  mutating func collect(from folder: String, metric: String) throws {
    let records = try MetricsLog.records(at: folder + "/metrics.jsonl")
    let speeds = records.filter { $0["phase"] == .text("train") }.compactMap { $0.number("images_per_second") }.sorted()
    imagesPerSecond = speeds.isEmpty ? nil : speeds[speeds.count / 2]
    let evaluations = records.filter { $0["phase"] == .text("evaluate") }
    curve = evaluations.compactMap { record in
      guard let epoch = record.number("epoch"), let value = record.number(metric) else { return nil }
      return Evaluated(epoch: Int(epoch), value: value)
    }
    let circumstances: Set = ["phase", "step", "epoch", "seconds"]
    for field in evaluations.last?.fields ?? [] where !circumstances.contains(field.name) {
      metrics[field.name] = evaluations.last?.number(field.name)
    }
    let weights = folder + "/checkpoints/latest/model.safetensors"
    // A run that came to nothing may have none.
    if access(weights, R_OK) == 0 { factors = try Self.scalars(inFile: weights) }
  }

  /// The single numbers among a file's trained tensors, by the last part of their names. What counts steps is no such
  /// number, and neither is a bias of a layer with one output.
  static func scalars(inFile path: String) throws -> [String: [Double]] {
    let file = try SafetensorsFile(path: path)
    var scalars: [String: [Double]] = [:]
    let names = file.names.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    for name in names {
      let part = String(name.split(separator: ".").last ?? ""), info = try file.info(name)
      guard info.shape.reduce(1, *) == 1, info.elementType == .float32, !Self.layerMembers.contains(part) else {
        continue
      }
      scalars[part, default: []].append(Double(try file.floats(name)[0]))
    }
    return scalars
  }

  /// What layers call their own tensors.
  private static let layerMembers: Set = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
}
