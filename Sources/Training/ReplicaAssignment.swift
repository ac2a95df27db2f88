import Communication

/// How the replicas of a step are spread over the ranks, and how their gradients are summed.
public struct ReplicaAssignment: Hashable, Sendable {
  public let replicas: Int
  public let ranks: Int
  public let reduction: ReductionKind

  /// Replicas that each rank runs.
  public var perRank: Int { replicas / ranks }

  /// The replicas of one rank.
  public func range(rank: Int) -> Range<Int> { rank * perRank..<(rank + 1) * perRank }

  /// Chooses what the run file leaves open: a replica for each rank, and the exact tree where both are powers of two.
  /// - Parameters:
  ///   - compresses: whether gradients travel as bfloat16.
  ///   - shards: whether each rank updates a part of the parameters alone, which needs the tree.
  /// - Throws: `ReplicaError` for what does not go together.
  public init(
    replicas: Int, ranks: Int, reduction: ReductionKind?, compresses: Bool = false, shards: Bool = false
  ) throws(ReplicaError) {
    let replicas = replicas == 0 ? ranks : replicas
    guard replicas % ranks == 0 else { throw .notDivisible(replicas: replicas, ranks: ranks) }
    let isExact = Self.isPowerOfTwo(replicas) && Self.isPowerOfTwo(ranks)
    if reduction == .tree && !isExact { throw .notExact(replicas: replicas, ranks: ranks) }
    if compresses && reduction == .tree && ranks > 1 { throw .compressedTree }
    if compresses && shards { throw .compressedShards }
    if compresses && !Self.isPowerOfTwo(ranks) { throw .uneven(what: "distributed.compression: bf16", ranks: ranks) }
    if shards && !Self.isPowerOfTwo(ranks) { throw .uneven(what: "distributed.shard_optimizer", ranks: ranks) }
    if shards && reduction == .fast && ranks > 1 { throw .fastShards }
    self.replicas = replicas
    self.ranks = ranks
    self.reduction = compresses ? .compressed : reduction ?? (isExact || shards ? .tree : .fast)
  }

  /// The reduction that an open choice comes to with a replica for each rank.
  public static func usualReduction(ranks: Int) -> ReductionKind { isPowerOfTwo(ranks) ? .tree : .fast }

  static func isPowerOfTwo(_ number: Int) -> Bool { number > 0 && number & (number - 1) == 0 }

  /// The largest power of two that is not above `number`.
  static func powerOfTwo(below number: Int) -> Int {
    var power = 1
    while power * 2 <= number { power *= 2 }
    return power
  }
}

/// Replicas, ranks and reductions that do not go together.
public enum ReplicaError: Error, Hashable, Sendable, CustomStringConvertible {
  case notDivisible(replicas: Int, ranks: Int)
  case notExact(replicas: Int, ranks: Int)
  /// A sum that is exact and one that is rounded on the way.
  case compressedTree
  case compressedShards
  case fastShards
  /// Something that goes along the tree, on a number of ranks that is no power of two.
  case uneven(what: String, ranks: Int)

  public var description: String {
    switch self {
    case .notDivisible(let replicas, let ranks):
      let near = max((replicas + ranks / 2) / ranks * ranks, ranks)
      return "distributed.replicas: \(replicas) replicas cannot be spread evenly over \(ranks) ranks; "
        + "the nearest number that can is \(near)"
    case .notExact(let replicas, let ranks):
      let power = ReplicaAssignment.powerOfTwo(below: min(replicas, ranks))
      return "distributed.reduction: a tree over \(replicas) replicas on \(ranks) ranks cannot be exact: "
        + "both must be powers of two; take \(power) ranks, or `distributed.reduction=fast`"
    case .compressedTree:
      return "distributed.compression: bf16 rounds what travels between ranks, so the result depends on their number, "
        + "which `distributed.reduction: tree` rules out; take `distributed.compression=none`, or leave the reduction out"
    case .compressedShards:
      return "distributed.shard_optimizer: a rank that updates its part needs the exact sums; "
        + "take `distributed.compression=none`"
    case .fastShards:
      return "distributed.shard_optimizer: parts of the sums come along the tree; leave `distributed.reduction: fast` out"
    case .uneven(let what, let ranks):
      return "\(what) needs a power of two of ranks, found \(ranks); "
        + "take \(ReplicaAssignment.powerOfTwo(below: ranks)) ranks"
    }
  }
}
