import Foundation

/// Where a rank runs and how many threads it should have there.
///
/// A processor that several ranks may use counts for each of them in part, so that the ranks of a machine together have
/// as many threads as it has processors. From four processors on, one is left to the thread that loads data.
public struct RankPlacement: Sendable, CustomStringConvertible {
  public let rank: Int
  public let host: String
  /// The processors in this rank's affinity mask.
  public let processorCount: Int
  /// The ranks, this one included, with a processor of that mask in their own.
  public let sharingRanks: Int
  /// The ranks on this machine.
  public let machineRanks: Int
  /// The processors that this rank may keep busy.
  public let threads: Int
  /// What mpirun should have been told, where its binding leaves processors of this machine idle.
  public let warning: String?

  /// Threads that compute, the rank's own included.
  public var computeThreads: Int { threads >= 4 ? threads - 1 : threads }
  /// Threads that load data beside those that compute; with 0 the loading takes turns with them.
  public var loaderThreads: Int { threads - computeThreads }

  /// Finds out where all ranks run. Collective.
  public init(over communicator: any Communicator) throws {
    let own = try JSONEncoder().encode(ProcessorMask.current())
    let masks = try communicator.allGather("rank placement", Array(own)).map {
      try JSONDecoder().decode(ProcessorMask.self, from: Data($0))
    }
    self.init(rank: communicator.rank, host: communicator.hostName, masks: masks)
  }

  /// - Parameter masks: of all ranks of the job, by rank.
  public init(rank: Int, host: String, masks: [ProcessorMask]) {
    let own = masks[rank]
    let neighbours = masks.filter { $0.machine == own.machine }
    let share = own.processors.reduce(0.0) { share, processor in
      share + 1 / Double(neighbours.count { $0.processors.contains(processor) })
    }
    let quotaShare = own.quota.map { $0 / Double(neighbours.count) } ?? .infinity

    self.rank = rank
    self.host = host
    processorCount = own.processors.count
    sharingRanks = neighbours.count { !$0.processors.isDisjoint(with: own.processors) }
    machineRanks = neighbours.count
    threads = max(1, Int(min(share, quotaShare) + 1e-9))

    let bound = neighbours.reduce(into: Set<Int>()) { $0.formUnion($1.processors) }.count
    let available = neighbours.map(\.launcherProcessorCount).max() ?? bound
    if available - bound >= machineRanks {
      warning = """
        mpirun bound its ranks on \(host) (\(machineRanks) of them) to \(bound) of \(available) processors: start it \
        with `--bind-to none`, or with `--map-by slot:PE=\(available / machineRanks)` to bind each rank to its share
        """
    } else {
      warning = nil
    }
  }

  /// `rank 3 (node07): 7 threads compute, 1 loads; 16 processors shared by 2 ranks`
  public var description: String {
    let loading = loaderThreads == 0 ? "" : " compute, \(loaderThreads) loads"
    let sharing = sharingRanks == 1 ? "of its own" : "shared by \(sharingRanks) ranks"
    let threads = computeThreads.of("thread") + loading
    return "rank \(rank) (\(host)): \(threads); \(processorCount.of("processor")) \(sharing)"
  }
}

extension Int {
  /// `1 thread`, `7 threads`
  fileprivate func of(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
