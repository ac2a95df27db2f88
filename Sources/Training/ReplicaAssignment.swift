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

  /// What a run does beyond summing gradients.
  public struct Demands: OptionSet, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Gradients travel as bfloat16.
    public static let compression = Demands(rawValue: 1)
    /// Each rank updates a part of the parameters alone, which needs the tree.
    public static let shards = Demands(rawValue: 2)
    /// Norms take statistics over all replicas, which have to run at the same time.
    public static let synchronizedNorms = Demands(rawValue: 4)
    /// Ranks have parameters of their own for some steps.
    public static let localSteps = Demands(rawValue: 8)
  }

  /// Chooses what the run file leaves open: a replica for each rank, and the exact tree where both are powers of two.
  /// - Throws: `ReplicaError` for what does not go together.
  public init(
    replicas: Int, ranks: Int, reduction: ReductionKind?, demands: Demands = []
  ) throws(ReplicaError) {
    let replicas = replicas == 0 ? ranks : replicas
    let compresses = demands.contains(.compression), shards = demands.contains(.shards)
    guard replicas % ranks == 0 else { throw .notDivisible(replicas: replicas, ranks: ranks) }
    let isExact = Self.isPowerOfTwo(replicas) && Self.isPowerOfTwo(ranks)
    if reduction == .tree && !isExact { throw .notExact(replicas: replicas, ranks: ranks) }
    if compresses && reduction == .tree && ranks > 1 { throw .compressedTree }
    if demands.contains(.synchronizedNorms) && replicas != ranks {
      throw .notOneEach(what: "model.batch_norm: synchronized", replicas: replicas, ranks: ranks)
    }
    if demands.contains(.localSteps) {
      guard replicas == ranks else { throw .notOneEach(what: "distributed.sync_every", replicas: replicas, ranks: ranks) }
      if compresses || shards { throw .localSteps }
    }
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
  /// Something for which every rank must have one replica.
  case notOneEach(what: String, replicas: Int, ranks: Int)
  case localSteps
  case emptyReplica(samples: Int, ranks: Int)
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
    case .notOneEach(let what, let replicas, let ranks):
      return "\(what) needs one replica a rank, found \(replicas) on \(ranks.of("rank")); "
        + "take \(replicas.of("rank")), or `distributed.replicas=\(ranks)`"
    case .localSteps:
      return "distributed.sync_every: gradients do not travel between means of parameters; "
        + "leave `distributed.compression` and `distributed.shard_optimizer` out"
    case .emptyReplica(let samples, let ranks):
      return "model.batch_norm: synchronized: the last step of an epoch of \(samples) samples leaves some of "
        + "\(ranks) ranks without any, and a norm with nothing to take part with; take `data.drop_last=true`"
    case .uneven(let what, let ranks):
      return "\(what) needs a power of two of ranks, found \(ranks); "
        + "take \(ReplicaAssignment.powerOfTwo(below: ranks)) ranks"
    }
  }
}
