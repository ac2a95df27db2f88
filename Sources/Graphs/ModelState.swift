import Compute

/// The numbers of one model: parameters and running statistics in one block, and a block of the same layout in which
/// gradients and new statistics of a step are gathered.
public final class ModelState: @unchecked Sendable {
  public let layout: StateLayout
  /// Running statistics and parameters.
  public let values: TensorView
  /// New running statistics and gradients.
  public let gradients: TensorView
  /// Steps counted beside norms (`num_batches_tracked`), by path.
  public var counters: [String: Int]
  /// The parameters in the order of the trace, which is the order of the network's layers.
  public let specs: [ParameterSpec]
  private let parameters: [String: ParameterSpec]
  private let buffers: [String: BufferSpec]
  private let valueMemory: Arena
  private let gradientMemory: Arena

  /// Memory for the state of `program`, with every tensor at its initial value.
  /// - Parameter key: parameters start from streams keyed by (key, path), so that a parameter's start does not depend
  ///   on what else the network has.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public init(_ program: Program, layout: StateLayout, key: RandomKey) throws {
    self.layout = layout
    valueMemory = try Arena(byteCount: layout.count * 4)
    gradientMemory = try Arena(byteCount: layout.count * 4)
    values = valueMemory.view(at: 0, [layout.count])
    gradients = gradientMemory.view(at: 0, [layout.count])
    specs = program.graph.parameters
    parameters = Dictionary(uniqueKeysWithValues: specs.map { ($0.path, $0) })
    buffers = Dictionary(uniqueKeysWithValues: program.graph.buffers.map { ($0.path, $0) })
    counters = Dictionary(program.graph.buffers.compactMap { $0.counterPath.map { ($0, 0) } }, uniquingKeysWith: { a, _ in a })
    initialize(key: key)
  }

  /// Sets every tensor to its initial value.
  public func initialize(key: RandomKey) {
    for entry in layout.parameters {
      var stream = RandomStream(key.appending(entry.path))
      let memory = UnsafeMutableBufferPointer(start: values.pointer + entry.range.lowerBound, count: entry.range.count)
      parameters[entry.path]!.initializer.fill(memory, &stream)
    }
    for entry in layout.buffers {
      let memory = values.pointer + entry.range.lowerBound, buffer = buffers[entry.path]!
      if let constant = buffer.constant {
        memory.update(from: constant, count: entry.range.count)
      } else {
        memory.update(repeating: buffer.initialValue, count: entry.range.count)
      }
    }
    for path in counters.keys { counters[path] = 0 }
  }

  /// What is known of a parameter or running statistic: its shape and layout in files.
  public func fileLayout(_ path: String) -> FileLayout? {
    parameters[path]?.fileLayout ?? buffers[path].map { .same($0.shape.array) }
  }

  /// The parameter's description.
  public func parameter(_ path: String) -> ParameterSpec? { parameters[path] }

  /// The elements of a parameter or running statistic.
  public func view(_ path: String) -> TensorView? { entry(path).map { view($0, in: values) } }

  /// The gradient of a parameter, or the new value of a running statistic.
  public func gradientView(_ path: String) -> TensorView? { entry(path).map { view($0, in: gradients) } }

  /// Advances the step counters of norms by one step.
  public func countStep() {
    for path in counters.keys { counters[path]! += 1 }
  }

  private func entry(_ path: String) -> StateLayout.Entry? { layout.parameter(path) ?? layout.buffer(path) }

  private func view(_ entry: StateLayout.Entry, in block: TensorView) -> TensorView {
    TensorView(block.pointer + entry.range.lowerBound, entry.shape)
  }
}
