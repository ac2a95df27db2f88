import Foundation

/// Where a rank runs and how many threads it should have there.
///
/// A processor that several ranks may use counts for each of them in part, so that the ranks of a machine together have
/// as many threads as it has processors. From four processors on, one is left to each thread that loads data. Ranks
/// with the same mask divide its processors, so that each has its own; where there are fewer processors than ranks, or
/// masks overlap in part, nobody is pinned.
public struct RankPlacement: Sendable, CustomStringConvertible {
  public let rank: Int
  public let host: String
  /// The processors in this rank's affinity mask, one a core, in order.
  public let maskProcessors: [Int]
  public var processorCount: Int { maskProcessors.count }
  /// The ranks, this one included, with a processor of that mask in their own.
  public let sharingRanks: Int
  /// The ranks on this machine.
  public let machineRanks: Int
  /// The processors in the masks of all ranks on this machine.
  public let machineProcessorCount: Int
  /// The processors that this rank may keep busy.
  public let threads: Int
  /// Threads that load data on processors of their own; with 0 the loading takes turns with those that compute.
  public let loaderThreads: Int
  /// This rank's part of the mask, in order; empty where ranks take turns.
  public let processors: [Int]
  /// What mpirun should have been told, where its binding leaves processors of this machine idle or ranks take turns.
  public let warning: String?

  /// Threads that compute, the rank's own included.
  public var computeThreads: Int { threads - loaderThreads }

  /// One processor for each of `count` workers; `nil` where pinning could put two busy threads on one processor while
  /// another idles: where ranks take turns, and where the workers and loaders leave processors of this rank free for
  /// other programs.
  public func workerProcessors(_ count: Int) -> [Int]? {
    guard (1...max(processors.count, 1)).contains(count), count + loaderThreads >= processors.count else { return nil }
    return processors.isEmpty ? nil : Array(processors.prefix(count))
  }

  /// Finds out where all ranks run. Collective.
  /// - Parameter loaderThreads: the threads that load data in each rank.
  public init(over communicator: any Communicator, loaderThreads: Int = 1) throws {
    let own = try JSONEncoder().encode(ProcessorMask.current())
    let masks = try communicator.allGather("rank placement", Array(own)).map {
      try JSONDecoder().decode(ProcessorMask.self, from: Data($0))
    }
    self.init(rank: communicator.rank, host: communicator.hostName, masks: masks, loaderThreads: loaderThreads)
  }

  /// - Parameter masks: of all ranks of the job, by rank.
  public init(rank: Int, host: String, masks: [ProcessorMask], loaderThreads: Int = 1) {
    let own = masks[rank]
    let neighbours = masks.filter { $0.machine == own.machine }
    let share = own.processors.reduce(0.0) { share, processor in
      share + 1 / Double(neighbours.count { $0.processors.contains(processor) })
    }
    let quotaShare = own.quota.map { $0 / Double(neighbours.count) } ?? .infinity

    self.rank = rank
    self.host = host
    maskProcessors = own.processors.sorted()
    let sharers = masks.indices.filter {
      masks[$0].machine == own.machine && !masks[$0].processors.isDisjoint(with: own.processors)
    }
    sharingRanks = sharers.count
    machineRanks = neighbours.count
    threads = max(1, Int(min(share, quotaShare) + 1e-9))
    self.loaderThreads = threads >= 4 ? min(loaderThreads, threads - 1) : 0

    let part = own.processors.count / sharers.count
    if sharers.allSatisfy({ masks[$0].processors == own.processors }) {
      let first = sharers.firstIndex(of: rank)! * part
      processors = Array(maskProcessors[first..<first + part])
    } else {
      processors = []
    }

    let bound = neighbours.reduce(into: Set<Int>()) { $0.formUnion($1.processors) }.count
    machineProcessorCount = bound
    let available = neighbours.map(\.launcherProcessorCount).max() ?? bound
    if available - bound >= machineRanks {
      warning = """
        mpirun bound its ranks on \(host) (\(machineRanks) of them) to \(bound) of \(available) processors: start it \
        with `--bind-to none`, or with `--map-by slot:PE=\(available / machineRanks)` to bind each rank to its share
        """
    } else if machineRanks > 1, min(share, quotaShare) < 1 - 1e-9 {
      let room = min(bound, own.quota.map { max(1, Int($0)) } ?? bound)
      warning = """
        \(machineRanks) ranks take turns on \(room.of("processor")) of \(host): start at most \(room) there \
        (`mpirun -n \(room)`); `distributed.replicas=\(masks.count)` keeps the numbers the same
        """
    } else {
      warning = nil
    }
  }

  /// `rank 3 (node07): 7 threads compute, 1 loads; 16 processors shared by 2 ranks`
  public var description: String {
    let loading = loaderThreads == 0 ? "" : " compute, \(loaderThreads) load\(loaderThreads == 1 ? "s" : "")"
    let sharing = sharingRanks == 1 ? "of its own" : "shared by \(sharingRanks) ranks"
    let threads = computeThreads.of("thread") + loading
    return "rank \(rank) (\(host)): \(threads); \(processorCount.of("processor")) \(sharing)"
  }
}

extension Int {
  /// `1 thread`, `7 threads`
  package func of(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
