import Compute
import Datasets
import Foundation
import Graphs
import Safetensors

/// A step's capsule on disk whose files are what its `capsule.json` says.
public struct CapsuleReader {
  public let path: String
  public let info: CapsuleInfo

  /// Opens the folder at `path` and verifies sizes and checksums.
  /// - Throws: `CheckpointError` naming the file that is missing or has changed.
  public init(_ path: String) throws {
    self.path = path
    let text = path + "/" + CapsuleInfo.textFile
    guard let data = FileManager.default.contents(atPath: text) else {
      throw CheckpointError(path: path, reason: "is no capsule of a step: it has no readable \(CapsuleInfo.textFile)")
    }
    info = try CapsuleInfo.decoded(data, path: text)
    guard info.image.count == 3, info.image.allSatisfy({ 1...65_536 ~= $0 }), info.step > 0, !info.replicas.isEmpty,
      info.replicas.allSatisfy({ $0.indices.count == $0.names.count })
    else { throw CheckpointError(path: text, reason: "describes no step") }
    let replicas = info.replicas.indices.filter { !info.replicas[$0].indices.isEmpty }
    for name in [CapsuleInfo.modelFile] + replicas.map(CapsuleInfo.fileName) {
      guard let wanted = info.files[name] else { throw CheckpointError(path: text, reason: "does not list \(name)") }
      try wanted.verify(path + "/" + name)
    }
  }

  /// Copies the parameters and running statistics from before the step into a model.
  public func restore(_ state: ModelState) throws {
    try WeightFile(SafetensorsFile(path: path + "/" + CapsuleInfo.modelFile)).load(into: state)
  }

  /// The inputs of one replica.
  /// - Throws: `CheckpointError` for tensors of other shapes than the description has.
  public func batch(replica: Int) throws -> Batch {
    let part = info.replicas[replica], count = part.indices.count
    let address = BatchAddress(epoch: 0, step: info.step - 1, replica: replica)
    let sample = Shape(info.image)
    guard count > 0 else {
      return Batch(address, sampleShape: sample, images: [], labels: [], weights: [], indices: [])
    }
    let file = try SafetensorsFile(path: path + "/" + CapsuleInfo.fileName(replica: replica))
    let isMixed = file.contains("partner_labels"), second = isMixed ? ["partner_labels", "label_shares"] : []
    for (name, shape) in [("images", [count] + info.image)] + (["labels", "weights"] + second).map({ ($0, [count]) }) {
      let found = try file.info(name).shape
      guard found == shape else {
        throw SafetensorsError(file: file.path, tensor: name, wanted: "shape \(shape)", found: "\(found)")
      }
    }
    return Batch(
      address, sampleShape: sample, images: try file.floats("images"), labels: try file.integers("labels"),
      weights: try file.floats("weights"), indices: part.indices,
      mixture: isMixed
        ? LabelMixture(partners: try file.integers("partner_labels"), shares: try file.floats("label_shares")) : nil)
  }
}
