import Compute
import Foundation
import Graphs
import Layers
import Operators
import Tasks
import Training

/// Two convolutions and a linear layer, with or without batch norm: a network whose step takes a millisecond.
struct SmallNetwork: Module {
  var hasNorm = false
  /// A factor to what the last layer sees.
  var slope: Float = 1
  /// A constant, stored beside the statistics of the norm.
  static let scale: [Float] = [1, 0.5, 2]

  func callAsFunction(_ images: Tensor) -> Tensor {
    let x = hasNorm ? images * images.trace.constant("scale", [3], Self.scale) : images
    let first = x.conv("conv1", 8, kernel: 3, padding: 1)
    let second = (hasNorm ? first.batchNorm("bn1") : first).relu()
      .conv("conv2", 16, kernel: 3, stride: 2, bias: true).relu()
    let pooled = second.mean(over: .spatial)
    return (slope == 1 ? pooled : pooled * slope).reshaped(second.shape[0], -1).linear("fc", 10)
  }

  /// Its runs on pictures of 16 pixels.
  func runners(
    batch: Int, seed: UInt64 = 1, threads: Int = 1, replicaSums: (any ReplicaSums)? = nil
  ) throws -> NetworkRunners {
    try NetworkRunners(
      self, Classification(), batch: batch, image: [16, 16, 3], team: WorkerTeam(count: threads), key: RandomKey(seed),
      bucketBytes: 1024, replicaSums: replicaSums)
  }
}

/// A folder that is gone with this value.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }
}
