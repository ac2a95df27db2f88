import Foundation
import Graphs
import Optimizers

/// What `state.json` of a checkpoint says: where the run stands, and what the files beside it must be.
///
/// Nothing in it depends on the number of ranks: a run is resumed with any.
public struct CheckpointInfo: Codable, Hashable, Sendable {
  /// Of a file beside `state.json`.
  public struct File: Codable, Hashable, Sendable {
    public let bytes: Int
    public let crc32: UInt32
  }

  /// The version of this format.
  public var format = 1
  /// Optimizer steps done.
  public var step: Int
  /// Epochs begun so far, and steps done in the current one: where the data go on.
  public var epoch: Int
  public var stepInEpoch: Int
  public var seed: UInt64
  /// Logical replicas and batch of the run: others give other numbers.
  public var replicas: Int
  public var globalBatch: Int
  /// The deciding metric of the last evaluation before this checkpoint, and of the best one so far.
  public var metric: Double?
  public var bestMetric: Double?
  public var isBetterHigher: Bool
  /// What the evaluations have made of the rate, where the schedule is a plateau.
  public var plateau: Plateau.State?
  /// The methods of the run's convolutions, where they were measured.
  public var convolutions: ConvolutionChoices?
  /// Class names, in label order, for pictures and tables made from the checkpoint alone.
  public var classNames: [String]
  /// The run file, resolved.
  public var runFile: String
  public var files: [String: File] = [:]

  public init(
    step: Int, epoch: Int, stepInEpoch: Int, seed: UInt64, replicas: Int, globalBatch: Int, metric: Double? = nil,
    bestMetric: Double? = nil, isBetterHigher: Bool = true, plateau: Plateau.State? = nil,
    classNames: [String] = [], runFile: String = ""
  ) {
    self.step = step
    self.epoch = epoch
    self.stepInEpoch = stepInEpoch
    self.seed = seed
    self.replicas = replicas
    self.globalBatch = globalBatch
    self.metric = metric
    self.bestMetric = bestMetric
    self.isBetterHigher = isBetterHigher
    self.plateau = plateau
    self.classNames = classNames
    self.runFile = runFile
  }

  /// The file's text: this value with a checksum over itself.
  func encoded() throws -> Data { try SealedText.encode(self) }

  /// Reads what `encoded` wrote.
  /// - Throws: `CheckpointError` when the text is not such a file or has changed since.
  static func decoded(_ data: Data, path: String) throws(CheckpointError) -> CheckpointInfo {
    let info: CheckpointInfo = try SealedText.decode(data, path: path, as: "the state of a checkpoint")
    guard info.format == 1 else {
      throw CheckpointError(path: path, reason: "has format \(info.format), this program reads 1")
    }
    if let flaw = info.flaw { throw CheckpointError(path: path, reason: flaw) }
    return info
  }

  /// What no run can have written, although the checksum is right: numbers that later arithmetic would overflow on,
  /// files that lie elsewhere or are left out, and so would not be verified.
  private var flaw: String? {
    let ranges = [
      ("step", step, 0...1 << 48), ("epoch", epoch, 0...1 << 48), ("stepInEpoch", stepInEpoch, 0...1 << 48),
      ("replicas", replicas, 1...1 << 31), ("globalBatch", globalBatch, 1...1 << 31),
      ("plateau.badEvaluations", plateau?.badEvaluations ?? 0, 0...1 << 48),
      ("plateau.cooldown", plateau?.cooldown ?? 0, 0...1 << 48),
    ]
    if let (name, value, range) = ranges.first(where: { !$0.2.contains($0.1) }) {
      return "says that \(name) is \(value); \(range.lowerBound) to \(range.upperBound) can be"
    }
    guard seed <= UInt64(Int.max) else { return "says that seed is \(seed); it is below 2^63" }
    if let plateau, !(0...1).contains(plateau.scale) {
      return "says that plateau.scale is \(plateau.scale); 0 to 1 can be"
    }
    guard files.keys.sorted() == Self.fileNames else {
      let names = files.keys.sorted().map { $0.debugDescription.prefix(80) }.prefix(4).joined(separator: ", ")
      let wanted = Self.fileNames.joined(separator: " and ")
      return "must list the files \(wanted), and lists \(names.isEmpty ? "none" : names)"
    }
    return nil
  }

  /// The files beside `state.json`, in alphabetical order.
  static let fileNames = ["model.safetensors", "optimizer.safetensors"]
}

/// A checkpoint, or the capsule of a step, that cannot be read.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let reason: String

  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String { "\(path) \(reason)" }
}

/// A checkpoint that the disk would not take.
public struct CheckpointWriteError: Error, Hashable, Sendable, CustomStringConvertible {
  public let step: Int
  public let reason: String

  public var description: String {
    "the checkpoint of step \(step) could not be written (those before it are good): \(reason)"
  }
}
