import Safetensors

/// The mean of the weights at several paths, tensor by tensor (Izmailov et al.; UAI 2018, sec. 3.2, of whole files).
///
/// w = Σₖ wₖ / K, summed in double precision in the order of the paths. Running statistics are averaged too, which a
/// pass over the training images would make exact; whole numbers, such as counters of steps, are those of the last.
public struct WeightAverage {
  private let sources: [StoredTensors]

  /// - Throws: `CheckpointError` naming a tensor that one lacks or has in another shape.
  public init(_ sources: [StoredTensors]) throws {
    precondition(!sources.isEmpty, "the mean of nothing")
    self.sources = sources
    for source in sources.dropFirst() {
      for name in Set(sources[0].names).union(source.names).sorted() {
        guard let wanted = try sources[0].description(name), let found = try source.description(name) else {
          let (owner, other) = source.names.contains(name) ? (source, sources[0]) : (sources[0], source)
          throw CheckpointError(
            path: other.path, reason: "has no tensor '\(name.oneLine())', which \(owner.path) has")
        }
        guard wanted.shape == found.shape,
          wanted.elementType.isFloatingPoint == found.elementType.isFloatingPoint
        else {
          throw CheckpointError(
            path: source.path,
            reason: "has '\(name.oneLine())' as \(found.elementType.rawValue) \(found.shape), \(sources[0].path) as "
              + "\(wanted.elementType.rawValue) \(wanted.shape)")
        }
      }
    }
  }

  /// Writes the mean as safetensors of 32-bit floats; of each path one tensor is in memory at a time.
  public func write(to path: String) throws {
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    for name in sources[0].names {
      guard let tensor = try sources[0].description(name) else { continue }
      if tensor.elementType.isFloatingPoint {
        try writer.add(name, shape: tensor.shape) { memory in
          _ = memory.update(fromContentsOf: try mean(name, count: tensor.count))
        }
      } else {
        try writer.add(name, shape: tensor.shape, integers: try sources[sources.count - 1].integers(name))
      }
    }
    _ = try writer.write(to: path)
  }

  private func mean(_ name: String, count: Int) throws -> [Float] {
    var sums = [Double](repeating: 0, count: count)
    for source in sources {
      for (place, value) in try source.values(name).enumerated() { sums[place] += value }
    }
    return sums.map { Float($0 / Double(sources.count)) }
  }
}
