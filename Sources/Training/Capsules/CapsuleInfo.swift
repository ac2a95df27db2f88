import Foundation
import Graphs

/// What `capsule.json` says: all that one step was computed from beside the tensors in the files next to it.
///
/// A capsule is `step-000123/` with `capsule.json`, `model.safetensors` (parameters and running statistics before the
/// step) and one `replica-000.safetensors` for each replica that had samples (`images` as the network got them,
/// `labels`, `weights`, and for mixed samples `partner_labels`, `label_shares`). With it the step runs again in one
/// process, without the data set and without the other ranks.
public struct CapsuleInfo: Codable, Hashable, Sendable {
  /// Why a step was kept.
  public enum Reason: String, Codable, Sendable {
    case notFinite = "not_finite"
    case spike
    case asked
  }

  /// One replica's part of the step.
  public struct Replica: Codable, Hashable, Sendable {
    /// The sum over its samples, as it was computed; 0 without samples.
    public var loss: Double
    /// The samples' numbers and names in the data set.
    public var indices: [Int]
    public var names: [String]
  }

  /// The version of this format.
  public var format = 1
  public var reason: Reason
  /// The reason as a sentence: `the loss is nan`.
  public var remark: String
  /// Counted from 1, as in the log.
  public var step: Int
  public var seed: UInt64
  public var ranks: Int
  public var globalBatch: Int
  /// Samples of this step over all replicas.
  public var samples: Int
  /// By number.
  public var replicas: [Replica] = []
  /// How gradients were summed: only sums along the tree can be made again bit by bit.
  public var isExact: Bool
  /// `[height, width, channels]`.
  public var image: [Int]
  public var classNames: [String]
  /// The run file, resolved.
  public var runFile: String
  /// Identifies the program.
  public var build: String
  /// The loss, the learning rate, and the norm of the summed gradients before clipping.
  public var outcome: StepOutcome
  /// The CRC-32 of the summed gradients and new running statistics, in the order of the model's block.
  public var gradientChecksum: UInt32
  /// The steps before, oldest first.
  public var history: [StepOutcome]
  /// The methods of the run's convolutions, where they were measured.
  public var convolutions: ConvolutionChoices?
  public var files: [String: CheckpointInfo.File] = [:]

  /// Replicas that each rank ran.
  public var perRank: Int { max(replicas.count / max(ranks, 1), 1) }

  /// The name of a replica's file.
  static func fileName(replica: Int) -> String {
    "replica-" + String(repeating: "0", count: max(0, 3 - "\(replica)".count)) + "\(replica).safetensors"
  }

  static let modelFile = "model.safetensors"
  static let textFile = "capsule.json"

  func encoded() throws -> Data { try SealedText.encode(self) }

  /// Reads what `encoded` wrote.
  /// - Throws: `CheckpointError` when the text is not such a file or has changed since.
  static func decoded(_ data: Data, path: String) throws(CheckpointError) -> CapsuleInfo {
    let info: CapsuleInfo = try SealedText.decode(data, path: path, as: "the description of a step's capsule")
    guard info.format == 1 else {
      throw CheckpointError(path: path, reason: "has format \(info.format), this program reads 1")
    }
    return info
  }
}

/// What one training step came to.
public struct StepOutcome: Codable, Hashable, Sendable {
  /// Counted from 1.
  public var step: Int
  public var loss: Double
  public var gradientNorm: Double
  public var learningRate: Double

  public init(step: Int, loss: Double, gradientNorm: Double, learningRate: Double) {
    (self.step, self.loss, self.gradientNorm, self.learningRate) = (step, loss, gradientNorm, learningRate)
  }
}
