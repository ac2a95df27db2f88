import Compute
import Datasets
import Foundation
import Graphs
import Safetensors

/// A checkpoint on disk whose files are what its `state.json` says.
public struct CheckpointReader {
  public let path: String
  public let info: CheckpointInfo
  let model: SafetensorsFile
  let optimizer: SafetensorsFile

  /// Opens the checkpoint folder at `path` and verifies sizes and checksums.
  /// - Throws: `CheckpointError` naming the file that is missing or has changed.
  public init(_ path: String) throws {
    self.path = path
    info = try Self.info(path)
    for name in CheckpointInfo.fileNames { try info.files[name]!.verify(path + "/" + name) }
    model = try SafetensorsFile(path: path + "/model.safetensors")
    optimizer = try SafetensorsFile(path: path + "/optimizer.safetensors")
  }

  /// The newest checkpoint of `store` that is good, and a sentence for each newer one that is not.
  public static func newestGood(_ store: CheckpointStore) -> (checkpoint: CheckpointReader?, broken: [String]) {
    var broken: [String] = []
    store.putBack()
    for step in store.steps {
      do { return (try CheckpointReader(store.path(step: step)), broken) } catch { broken.append("\(error)") }
    }
    return (nil, broken)
  }

  /// Reads `state.json` alone.
  public static func info(_ path: String) throws(CheckpointError) -> CheckpointInfo {
    let file = path + "/state.json", bytes: [UInt8]
    guard access(file, F_OK) == 0 else {
      throw CheckpointError(path: path, reason: "is no checkpoint: it has no readable state.json")
    }
    // A pipe would never end, and a file of gigabytes is no list of a few names.
    do { bytes = try FileBytes.read(file, maximumBytes: 1 << 24) } catch {
      throw CheckpointError(path: file, reason: error.reason)
    }
    return try CheckpointInfo.decoded(Data(bytes), path: file)
  }

  /// Copies everything into a model and the blocks beside its parameters.
  public func restore(_ state: ModelState, blocks: [StateBlock]) throws {
    try WeightFile(model).load(into: state)
    for block in blocks { try restore(block, state) }
  }

  private func restore(_ block: StateBlock, _ state: ModelState) throws {
    for entry in block.entries(of: state.layout) {
      let memory = TensorView(block.values.pointer + entry.range.lowerBound, entry.shape)
      try WeightFile(optimizer).load("\(block.name).\(entry.path)", state.fileLayout(entry.path)!, into: memory)
    }
  }

  /// Copies the model's tensors alone.
  /// - Parameter averaged: whether parameters and running statistics are those of the moving average.
  /// - Throws: `CheckpointError` where the run kept no average.
  public func restoreModel(_ state: ModelState, averaged: Bool = false) throws {
    try WeightFile(model).load(into: state)
    guard averaged else { return }
    guard optimizer.names.contains(where: { $0.hasPrefix(StateBlock.averageName + ".") }) else {
      throw CheckpointError(
        path: path, reason: "holds no moving average, which `optimizer.average` keeps; leave --average out")
    }
    try restore(StateBlock(StateBlock.averageName, state.values, hasStatistics: true), state)
  }
}

extension CheckpointInfo.File {
  init(_ written: SafetensorsWriter.Written) { self.init(bytes: written.byteCount, crc32: written.crc32) }

  /// Compares the file at `path` with what was written.
  /// - Throws: `CheckpointError` when it is missing or has another size or checksum.
  func verify(_ path: String) throws(CheckpointError) {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
    guard let size else { throw CheckpointError(path: path, reason: "is missing or cannot be read") }
    guard size == bytes else {
      throw CheckpointError(path: path, reason: "has \(size) bytes, \(bytes) were written")
    }
    let sum: UInt32
    do { sum = try Checksum.crc32(ofFile: path) } catch {
      throw CheckpointError(path: path, reason: "cannot be read: wanted \(error.wanted), found \(error.found)")
    }
    guard sum == crc32 else {
      throw CheckpointError(path: path, reason: "has changed since it was written: its checksum is wrong")
    }
  }
}
