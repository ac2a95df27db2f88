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
  /// Trained factors by name, in the order of depth: CAT's colla-factors, a residual's gain.
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
  /// - Parameters:
  ///   - metric: the name of the deciding metric.
  ///   - factors: the paths of the parameters that are factors, in the order of depth.
  mutating func collect(from folder: String, metric: String, factors paths: [String]) throws {
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
    if access(weights, R_OK) == 0 { factors = try Self.factors(paths, inFile: weights) }
  }

  /// The numbers at `paths`, by the last part of their names.
  private static func factors(_ paths: [String], inFile path: String) throws -> [String: [Double]] {
    let file = try SafetensorsFile(path: path)
    var factors: [String: [Double]] = [:]
    for path in paths {
      factors[String(path.split(separator: ".").last ?? ""), default: []].append(Double(try file.floats(path)[0]))
    }
    return factors
  }
}
