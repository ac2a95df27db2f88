/// Barrier, broadcast and gather, in rounds of exchanges: log2(ranks) rounds, any number of ranks.
extension Communicator {
  /// Returns when every rank has arrived (dissemination: in round k each rank hears from the one 2^k before it).
  public func barrier(_ name: String) throws {
    collectives.number += 1
    var distance = 1
    while distance < size {
      try exchange(
        name, send: .init(start: nil, count: 0), to: (rank + distance) % size,
        receive: .init(start: nil, count: 0), from: (rank - distance + size) % size)
      distance *= 2
    }
  }

  /// Copies `bytes` of rank `root` to every rank, along a binomial tree. All ranks must give the same size.
  public func broadcast(_ name: String, _ bytes: UnsafeMutableRawBufferPointer, from root: Int = 0) throws {
    collectives.number += 1
    let place = (rank - root + size) % size
    var distance = 1
    while distance < size {
      if place < distance {
        if place + distance < size {
          try send(name, UnsafeRawBufferPointer(bytes), to: (rank + distance) % size)
        }
      } else if place < 2 * distance {
        try receive(name, into: bytes, from: (rank - distance + size) % size)
      }
      distance *= 2
    }
  }

  /// Copies `count` values of rank `root` to every rank.
  public func broadcast(
    _ name: String, _ values: UnsafeMutablePointer<Float>, count: Int, from root: Int = 0
  ) throws {
    try broadcast(name, UnsafeMutableRawBufferPointer(.init(start: values, count: count)), from: root)
  }

  /// Returns the `bytes` of rank `root` on every rank; what the others pass does not matter, not even its length.
  public func broadcast(_ name: String, _ bytes: [UInt8], from root: Int = 0) throws -> [UInt8] {
    var count = bytes.count
    try withUnsafeMutableBytes(of: &count) { try broadcast(name, $0, from: root) }
    var result = rank == root ? bytes : [UInt8](repeating: 0, count: count)
    try result.withUnsafeMutableBytes { try broadcast(name, $0, from: root) }
    return result
  }

  /// The `bytes` of all ranks, by rank, on every rank; lengths may differ.
  public func allGather(_ name: String, _ bytes: [UInt8]) throws -> [[UInt8]] {
    let lengths = try allGatherLengths(name, bytes.count)
    let longest = lengths.max() ?? 0
    var blocks = [UInt8](repeating: 0, count: longest * size)
    blocks.replaceSubrange(0..<bytes.count, with: bytes)
    try blocks.withUnsafeMutableBytes { try allGatherBlocks(name, $0, blockBytes: longest) }
    return (0..<size).map { source in
      let place = (source - rank + size) % size
      return Array(blocks[place * longest..<place * longest + lengths[source]])
    }
  }

  /// The `bytes` of all ranks, by rank, on rank `root`; an empty list on the others.
  public func gather(_ name: String, _ bytes: [UInt8], to root: Int = 0) throws -> [[UInt8]] {
    let lengths = try allGatherLengths(name, bytes.count)
    if rank != root {
      try bytes.withUnsafeBytes { try send(name, $0, to: root) }
      return []
    }
    return try (0..<size).map { source in
      if source == root { return bytes }
      var block = [UInt8](repeating: 0, count: lengths[source])
      try block.withUnsafeMutableBytes { try receive(name, into: $0, from: source) }
      return block
    }
  }

  private func allGatherLengths(_ name: String, _ length: Int) throws -> [Int] {
    var lengths = [Int](repeating: 0, count: size)
    lengths[0] = length
    try lengths.withUnsafeMutableBytes { try allGatherBlocks(name, $0, blockBytes: MemoryLayout<Int>.stride) }
    return (0..<size).map { lengths[($0 - rank + size) % size] }
  }

  /// Fills `blocks`, of which the first is this rank's, with the blocks of the ranks that follow it: block i comes from
  /// rank (`rank` + i) mod `size`.
  ///
  /// Bruck et al. 1997: in round k a rank hands the 2^k blocks that it has to the rank 2^k before it.
  func allGatherBlocks(_ name: String, _ blocks: UnsafeMutableRawBufferPointer, blockBytes: Int) throws {
    collectives.number += 1
    var held = 1
    while held < size {
      let moving = min(held, size - held) * blockBytes
      try exchange(
        name, send: UnsafeRawBufferPointer(rebasing: blocks[..<moving]), to: (rank - held + size) % size,
        receive: UnsafeMutableRawBufferPointer(rebasing: blocks[held * blockBytes..<held * blockBytes + moving]),
        from: (rank + held) % size)
      held *= 2
    }
  }
}
