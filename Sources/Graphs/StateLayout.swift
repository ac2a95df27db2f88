import Compute

/// Where each parameter and running statistic lies in the flat blocks of a model.
///
/// Running statistics come first, then parameters in the order in which their gradients become final during the
/// backward pass. The block of values and the block that is summed over replicas share this layout, so that a bucket of
/// gradients is a contiguous range, and the optimizer one pass over the rest.
public struct StateLayout: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    public let path: String
    /// Elements, from the start of the block.
    public let range: Range<Int>
    public let shape: Shape
  }

  public let buffers: [Entry]
  public let parameters: [Entry]
  /// All running statistics and, behind them, the constants.
  public let bufferRange: Range<Int>
  /// The running statistics: what a training step replaces.
  public let statisticsRange: Range<Int>
  /// All parameters.
  public let parameterRange: Range<Int>
  private let bufferPlaces: [String: Int]
  private let parameterPlaces: [String: Int]

  /// Lays out the state of `program`'s graph in its gradients' order; a program without a backward pass keeps the order
  /// of the trace.
  public init(_ program: Program) {
    let graph = program.graph
    var lastWrite = [Int](repeating: 0, count: graph.parameters.count)
    for (index, step) in program.steps.enumerated() {
      for use in step.writes.compactMap({ $0 }) {
        if case .gradient(let parameter) = program.cells[use.cell].place { lastWrite[parameter] = index }
      }
    }
    let order = graph.parameters.indices.sorted { (lastWrite[$0], $0) < (lastWrite[$1], $1) }
    var offset = 0
    func place(_ path: String, _ shape: Shape) -> Entry {
      // Each tensor starts on a cache line; the gap stays zero in both blocks.
      defer { offset += Lanes.padded(shape.count) }
      return Entry(path: path, range: offset..<offset + shape.count, shape: shape)
    }
    let statistics = graph.buffers.filter { $0.constant == nil }.map { place($0.path, $0.shape) }
    statisticsRange = 0..<offset
    buffers = statistics + graph.buffers.filter { $0.constant != nil }.map { place($0.path, $0.shape) }
    bufferRange = 0..<offset
    parameters = order.map { place(graph.parameters[$0].path, graph.parameters[$0].shape) }
    parameterRange = bufferRange.upperBound..<offset
    bufferPlaces = Dictionary(uniqueKeysWithValues: buffers.enumerated().map { ($1.path, $0) })
    parameterPlaces = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.path, $0) })
  }

  /// Elements in the whole block.
  public var count: Int { parameterRange.upperBound }

  /// The place of the parameter at `path`.
  public func parameter(_ path: String) -> Entry? { parameterPlaces[path].map { parameters[$0] } }

  /// The place of the running statistic at `path`.
  public func buffer(_ path: String) -> Entry? { bufferPlaces[path].map { buffers[$0] } }

  /// The block cut into ranges of about `bucketBytes`, in gradient order, never inside a tensor. The running statistics
  /// are final before any gradient and travel with the first.
  public func buckets(bucketBytes: Int) -> [Range<Int>] {
    var buckets: [Range<Int>] = []
    var start = 0
    let ends = parameters.dropFirst().map(\.range.lowerBound) + [count]
    for end in ends where (end - start) * MemoryLayout<Float>.stride >= bucketBytes || end == count {
      buckets.append(start..<end)
      start = end
    }
    return buckets
  }
}
