import Compute
import Graphs
import Safetensors

/// A copy of everything that a resumed run needs, taken between two steps, so that training goes on while it is
/// written.
public struct Snapshot: Sendable {
  public var info: CheckpointInfo
  fileprivate var model: [Tensor] = []
  fileprivate var optimizer: [Tensor] = []
  private var counters: [(name: String, value: Int)] = []

  fileprivate struct Tensor: Sendable {
    let name: String
    let layout: FileLayout
    let values: [Float]
  }

  /// Copies the state.
  public init(_ info: CheckpointInfo, _ state: ModelState, blocks: [StateBlock]) {
    self.info = info
    let entries = state.layout.parameters + state.layout.buffers
    model = entries.map { Self.copy($0, of: state, from: state.values, prefix: "") }
    counters = state.counters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for block in blocks {
      optimizer += block.entries(of: state.layout).map {
        Self.copy($0, of: state, from: block.values, prefix: block.name + ".")
      }
    }
  }

  private static func copy(
    _ entry: StateLayout.Entry, of state: ModelState, from block: TensorView, prefix: String
  ) -> Tensor {
    let values = UnsafeBufferPointer(start: block.pointer + entry.range.lowerBound, count: entry.range.count)
    return Tensor(name: prefix + entry.path, layout: state.fileLayout(entry.path)!, values: Array(values))
  }

  /// Writes the two tensor files into `folder` and notes their sizes and checksums.
  mutating func writeTensors(into folder: String) throws {
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    for tensor in model { try writer.add(tensor) }
    for counter in counters { try writer.add(counter.name, shape: [], integers: [counter.value]) }
    info.files["model.safetensors"] = try writer.writeFile(folder + "/model.safetensors")
    var second = SafetensorsWriter()
    for tensor in optimizer { try second.add(tensor) }
    info.files["optimizer.safetensors"] = try second.writeFile(folder + "/optimizer.safetensors")
  }
}

extension SafetensorsWriter {
  fileprivate mutating func add(_ tensor: Snapshot.Tensor) throws {
    try add(tensor.name, shape: tensor.layout.shape) { memory in
      _ = memory.update(fromContentsOf: tensor.layout.toFile(tensor.values))
    }
  }

  fileprivate func writeFile(_ path: String) throws -> CheckpointInfo.File {
    CheckpointInfo.File(try write(to: path))
  }
}
