import Compute
import Graphs
import PyTorchArchives
import Safetensors

/// A file of weights under the reference's names: a checkpoint's model, or weights published elsewhere.
public struct WeightFile {
  public let file: any TensorFile
  /// Only tensors whose names begin so are the network's, without it: `backbone.` of a detector.
  private let prefix: String

  public init(_ file: any TensorFile, prefix: String = "") {
    self.file = file
    self.prefix = prefix
  }

  /// Opens a file of safetensors or of `torch.save`, whichever its content is; its name says nothing.
  /// - Parameter takesAverage: whether the moving average is read that a file of `torch.save` may hold.
  /// - Throws: `SafetensorsError`, `ArchiveError`.
  public static func open(_ path: String, takesAverage: Bool = false) throws -> any TensorFile {
    let file = try ReadableFile(path: path), beginning = try file.bytes(0..<min(file.byteCount, 16))
    if PyTorchFile.begins(beginning) { return try PyTorchFile(path: path, takesAverage: takesAverage) }
    // Behind the length of its header a safetensors file has the header's brace.
    guard beginning.count > 8, beginning[8] == UInt8(ascii: "{") else {
      throw SafetensorsError(
        file: path, wanted: "safetensors or a file of torch.save",
        found: beginning.isEmpty ? "an empty file" : "one that begins '\(String(decoding: beginning, as: UTF8.self))'")
    }
    guard !takesAverage else {
      throw SafetensorsError(file: path, wanted: "a moving average beside weights of torch.save", found: "safetensors")
    }
    return try SafetensorsFile(path: path)
  }

  /// What a file may lack or have beyond a network.
  public struct Tolerance: Hashable, Sendable {
    /// The classifier keeps its start, whatever the file has for it.
    public var hasNewHead = false
    /// Tensors that the file lacks keep their start, such as an attention module's in a plain network's file.
    public var allowsMissing = false
    /// Tensors that the network lacks are passed over.
    public var allowsLeftOver = false

    public init() {}
  }

  /// How the tensors of the file and a model meet.
  /// - Parameter head: the path of the classifier, when it keeps its start.
  /// - Throws: what the file throws for a tensor that it names and cannot describe.
  public func matching(_ state: ModelState, newHead head: String? = nil) throws -> WeightMatching {
    let entries = state.layout.parameters + state.layout.buffers
    let known = Set(entries.map(\.path)).union(state.counters.keys)
    let references = PublishedNames.references(to: file.names, prefix: prefix, isKnown: known.contains)
    var matching = WeightMatching(path: file.path)
    for path in entries.map(\.path).sorted() {
      let shape = state.fileLayout(path)?.shape ?? []
      if let head, path.hasPrefix(head + ".") {
        matching.fresh.append(.init(path, shape))
      } else if let name = references[path] {
        let pair = WeightMatching.Pair(path: path, shape: shape, name: name, found: try file.shape(of: name))
        if PublishedNames.isSameOrder(pair.found, shape) {
          matching.matched.append(pair)
        } else {
          matching.misshapen.append(pair)
        }
      } else {
        matching.missing.append(.init(path, shape))
      }
    }
    // Old files lack these counters; nothing is computed from them.
    for path in state.counters.keys.sorted() {
      guard let name = references[path] else { continue }
      matching.matched.append(.init(path: path, shape: [], name: name, found: try file.shape(of: name)))
    }
    for (reference, name) in references where !known.contains(reference) {
      matching.leftOver.append(.init(name, try file.shape(of: name)))
    }
    matching.leftOver.sort { $0.name < $1.name }
    matching.outsideCount = file.names.count - references.count
    return matching
  }

  /// Copies every tensor of the model from the file, permuted from the file's layout.
  /// - Parameters:
  ///   - head: the path of the classifier, which keeps its start where `tolerance` says so.
  /// - Throws: `WeightError` listing what does not fit beyond `tolerance`, and what the file throws.
  @discardableResult
  public func load(
    into state: ModelState, head: String? = nil, tolerance: Tolerance = Tolerance()
  ) throws -> WeightMatching {
    let matching = try matching(state, newHead: tolerance.hasNewHead ? head : nil)
    guard matching.isGood(tolerance) else { throw WeightError(matching, tolerance, head: head) }
    for pair in matching.matched {
      if let layout = state.fileLayout(pair.path), let view = state.view(pair.path) {
        view.assign(layout.toMemory(try file.floats(pair.name)))
      } else {
        state.counters[pair.path] = try file.integers(pair.name).first ?? 0
      }
    }
    return matching
  }

  /// Writes a model's tensors as `load` reads them: parameters, running statistics and step counters.
  @discardableResult
  public static func write(_ state: ModelState, to path: String) throws -> SafetensorsWriter.Written {
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
    let shape = try file.shape(of: name)
    guard shape == layout.shape else {
      throw SafetensorsError(file: file.path, tensor: name, wanted: "shape \(layout.shape)", found: "\(shape)")
    }
    memory.assign(layout.toMemory(try file.floats(name)))
  }
}
