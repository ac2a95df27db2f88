/// How the sum over ranks associates.
public enum ReductionKind: String, Sendable, CaseIterable {
  /// Along a fixed binary tree: the same bits for any power of two of ranks. See `TreeReduction`.
  case tree
  /// As the transport likes: any number of ranks, equal to rounding.
  case fast
  /// Along the tree, rounded to bfloat16 on the way: half the bytes, equal to rounding. See `CompressedReduction`.
  case compressed
}

/// What becomes of the numbers that the ranks bring to a small reduction.
public enum ReductionOperation: Sendable {
  case sum, max, min

  func callAsFunction(_ a: Double, _ b: Double) -> Double {
    switch self {
    case .sum: a + b
    case .max: Swift.max(a, b)
    case .min: Swift.min(a, b)
    }
  }
}

extension Communicator {
  /// Adds up `count` values over all ranks, in place; every rank gets the same bits.
  ///
  /// With `.tree` and `.compressed` throws unless the number of ranks is a power of two.
  public func allReduce(
    _ name: String, _ values: UnsafeMutablePointer<Float>, count: Int, _ kind: ReductionKind = .tree
  ) throws {
    let values = UnsafeMutableBufferPointer(start: values, count: count)
    collectives.number += 1
    switch kind {
    case .tree: try TreeReduction.sum(name, values, over: self)
    case .fast: try sumInAnyOrder(name, values)
    case .compressed:
      // A single sum has nobody to give its rounding errors back to.
      let errors = CompressionErrors()
      try withExtendedLifetime(errors) {
        try CompressedReduction.sum(name, values, errors: errors.errors(of: values), over: self)
      }
    }
  }

  /// Reduces a few numbers over all ranks, in place; every rank gets the same bits, for any number of ranks.
  ///
  /// Each rank collects everybody's numbers and combines them along the tree of `TreeReduction`: one latency per
  /// doubling of the ranks, but traffic and memory of `size` times the numbers, so this is not for gradients.
  public func allReduce(
    _ name: String, _ values: UnsafeMutableBufferPointer<Double>, _ operation: ReductionOperation
  ) throws {
    let count = values.count
    if size == 1 || count == 0 { return }
    let blocks = scratch.values(Double.self, size * count)
    _ = blocks.update(fromContentsOf: values)
    try allGatherBlocks(
      name, UnsafeMutableRawBufferPointer(blocks), blockBytes: count * MemoryLayout<Double>.stride)

    for index in 0..<count {
      func place(_ rank: Int) -> Int { (rank - self.rank + size) % size * count + index }
      var distance = 1
      while distance < size {
        for lower in stride(from: 0, to: size - distance, by: 2 * distance) {
          blocks[place(lower)] = operation(blocks[place(lower)], blocks[place(lower + distance)])
        }
        distance *= 2
      }
      values[index] = blocks[place(0)]
    }
  }

  /// Reduces a few numbers over all ranks.
  public func allReduce(_ name: String, _ values: [Double], _ operation: ReductionOperation) throws -> [Double] {
    var values = values
    try values.withUnsafeMutableBufferPointer { try allReduce(name, $0, operation) }
    return values
  }

  /// Reduces one number over all ranks.
  public func allReduce(_ name: String, _ value: Double, _ operation: ReductionOperation) throws -> Double {
    try allReduce(name, [value], operation)[0]
  }

  /// Adds up in rank order on rank 0 and hands the sums back: simple, exact to define, and slow with many ranks.
  func sumInRankOrder(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) throws {
    let bytes = UnsafeMutableRawBufferPointer(values)
    if rank == 0 {
      let incoming = scratch.values(Float.self, values.count)
      for source in 1..<max(size, 1) where source < size {
        try receive(name, into: UnsafeMutableRawBufferPointer(incoming), from: source)
        for index in values.indices { values[index] += incoming[index] }
      }
    } else {
      try send(name, UnsafeRawBufferPointer(bytes), to: 0)
    }
    try broadcast(name, bytes)
  }
}
