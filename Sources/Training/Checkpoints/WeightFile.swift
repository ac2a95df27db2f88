import Compute
import Graphs
import Safetensors

/// A file of weights under the reference's names: a checkpoint's model, or weights published elsewhere.
public struct WeightFile {
  private let file: SafetensorsFile

  public init(_ file: SafetensorsFile) { self.file = file }

  /// How the tensors of a file and a model meet.
  public struct Matching: Hashable, Sendable {
    public var matched: [String] = []
    /// In the model, not in the file.
    public var missing: [String] = []
    /// In the file, not in the model.
    public var leftOver: [String] = []
  }

  /// Copies every tensor of the model from the file, permuted from the file's layout.
  /// - Parameter isPartial: whether tensors may be missing or left over (fine-tuning); otherwise that is an error.
  /// - Throws: `WeightError` listing what is missing or left over, `SafetensorsError` for a tensor of another shape.
  @discardableResult
  public func load(into state: ModelState, isPartial: Bool = false) throws -> Matching {
    var matching = Matching()
    var known: Set<String> = []
    for entry in state.layout.parameters + state.layout.buffers {
      known.insert(entry.path)
      if file.contains(entry.path) { matching.matched.append(entry.path) } else { matching.missing.append(entry.path) }
    }
    for path in state.counters.keys.sorted() {
      known.insert(path)
      // Old files lack these counters; nothing is computed from them.
      if file.contains(path) { matching.matched.append(path) }
    }
    matching.leftOver = file.names.filter { !known.contains($0) }
    guard isPartial || (matching.missing.isEmpty && matching.leftOver.isEmpty) else {
      throw WeightError(path: file.path, matching: matching)
    }
    for path in matching.matched {
      if let layout = state.fileLayout(path), let view = state.view(path) {
        try load(path, layout, into: view)
      } else {
        state.counters[path] = try file.integers(path).first ?? 0
      }
    }
    return matching
  }

  /// Writes a model's tensors as `load` reads them: parameters, running statistics and step counters.
  static func write(_ state: ModelState, to path: String) throws -> SafetensorsWriter.Written {
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    for entry in state.layout.parameters + state.layout.buffers {
      let layout = state.fileLayout(entry.path)!
      try writer.add(entry.path, shape: layout.shape) { memory in
        _ = memory.update(fromContentsOf: layout.toFile(state.view(entry.path)!.array))
      }
    }
    for (path, count) in state.counters { try writer.add(path, shape: [], integers: [count]) }
    return try writer.write(to: path)
  }

  /// Copies one tensor.
  func load(_ name: String, _ layout: FileLayout, into memory: TensorView) throws {
    let shape = try file.info(name).shape
    guard shape == layout.shape else {
      throw SafetensorsError(file: file.path, tensor: name, wanted: "shape \(layout.shape)", found: "\(shape)")
    }
    memory.assign(layout.toMemory(try file.floats(name)))
  }
}

/// Weights that do not fit a network name by name.
public struct WeightError: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let matching: WeightFile.Matching

  public var description: String {
    func list(_ names: [String]) -> String {
      names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", …" : "")
    }
    var parts: [String] = []
    let (missing, leftOver) = (matching.missing, matching.leftOver)
    if !missing.isEmpty { parts.append("\(missing.count) tensors are missing (\(list(missing)))") }
    if !leftOver.isEmpty { parts.append("\(leftOver.count) are left over (\(list(leftOver)))") }
    return "\(path): \(matching.matched.count) tensors fit the network, \(parts.joined(separator: ", "))"
  }
}
