import Compute
import Graphs
import Safetensors

/// Writes one step's capsule, on rank 0: the replicas as they come in, then the model and the description.
///
/// The first failure is kept and the rest skipped, because the ranks that are sending must be heard out.
final class CapsuleWriter {
  private let pending: PendingFolder
  private var info: CapsuleInfo
  private let nameOfSample: (Int) -> String
  private(set) var failure: (any Error)?

  /// - Parameters:
  ///   - place: the folder to be; an older one is replaced.
  ///   - info: without replicas and files.
  init(_ place: String, _ info: CapsuleInfo, nameOfSample: @escaping (Int) -> String) throws {
    pending = try PendingFolder(for: place)
    self.info = info
    self.nameOfSample = nameOfSample
  }

  /// Writes the inputs of the next replica.
  func add(_ inputs: ReplicaInputs) {
    let header = inputs.header
    info.replicas.append(
      .init(loss: header.loss, indices: header.indices, names: header.indices.map(nameOfSample)))
    let count = header.labels.count
    guard count > 0, failure == nil else { return }
    do {
      var writer = SafetensorsWriter()
      try writer.add("images", shape: [count] + info.image, floats: inputs.images.baseAddress!)
      try writer.add("labels", shape: [count], integers: header.labels)
      try writer.add("weights", shape: [count], floats: header.weights)
      if let mixture = header.mixture {
        try writer.add("partner_labels", shape: [count], integers: mixture.partners)
        try writer.add("label_shares", shape: [count], floats: mixture.shares)
      }
      try write(writer, CapsuleInfo.fileName(replica: inputs.replica))
    } catch { failure = error }
  }

  /// Writes the rest and puts the folder in place, or removes it when anything has failed.
  func finish(_ state: ModelState) {
    do {
      if let failure { throw failure }
      let file = CapsuleInfo.modelFile
      info.files[file] = .init(try WeightFile.write(state, to: pending.path + "/" + file))
      try pending.write(info.encoded(), to: CapsuleInfo.textFile)
      try pending.commit()
    } catch {
      failure = error
      pending.discard()
    }
  }

  private func write(_ writer: SafetensorsWriter, _ name: String) throws {
    info.files[name] = .init(try writer.write(to: pending.path + "/" + name))
  }
}
