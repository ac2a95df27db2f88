import Communication
import Compute

/// The threads of a rank: how many compute, on which processors, and what the log says about them.
///
/// To be made before anything else of the run: threads that are started later inherit the calling thread's processors,
/// and memory lies near the processor that touches it first.
public struct RankThreads {
  public let placement: RankPlacement
  public let team: WorkerTeam
  private let loaders: Int
  private let isAsked: Bool
  private let isConfined: Bool
  private let affinity: [Int]
  private let mode: FloatingPointMode

  /// Confines the calling thread to this rank's part of the processors, flushes its denormals to zero, and starts the
  /// workers. Collective.
  /// - Parameters:
  ///   - threads: those that compute; 0 for this rank's share of the processors.
  ///   - loaders: those that load data.
  ///   - pins: whether threads stay on processors of their own where there are enough.
  public init(over communicator: any Communicator, threads: Int = 0, loaders: Int = 1, pins: Bool = true) throws {
    self.loaders = loaders
    isAsked = threads > 0
    placement = try RankPlacement(over: communicator, loaderThreads: loaders)
    affinity = Processor.affinity
    mode = FloatingPointMode.flushToZero()
    let count = isAsked ? threads : placement.computeThreads
    isConfined = pins && !affinity.isEmpty && count <= placement.processors.count
    if isConfined {
      // Loading and communication may also use the other hardware threads of this rank's cores.
      let siblings = placement.processors.flatMap(ProcessorMask.siblings)
      Processor.confine(to: Array(Set(siblings + placement.processors).intersection(affinity)))
    }
    team = WorkerTeam(count: count, processors: pins ? placement.workerProcessors(count) : nil)
  }

  /// Gives the calling thread back what it had before.
  public func restore() {
    if !affinity.isEmpty { Processor.confine(to: affinity) }
    mode.restore()
  }

  /// `rank 0 (node07): 7 threads compute on processors 0-6, one each, 1 loads; OpenBLAS SkylakeX (AVX-512), denormals
  /// flushed to zero`
  public var sentence: String {
    let compute = "\(team.count.of("thread")) compute\(team.count == 1 ? "s" : "") on \(place)"
    return "rank \(placement.rank) (\(placement.host)): \(compute), \(loading); OpenBLAS \(Processor.blasKernel) "
      + "(\(Processor.instructions(ofBLASKernel: Processor.blasKernel))), denormals flushed to zero"
  }

  private var place: String {
    if let processors = team.processors {
      let list = ProcessorMask.list(processors)
      return processors.count == 1 ? "processor \(list)" : "processors \(list), one each"
    }
    if placement.sharingRanks == 1 || !isConfined { return placement.processorCount.of("processor") + sharing }
    return "processors \(ProcessorMask.list(placement.processors))"
  }

  private var sharing: String { placement.sharingRanks > 1 ? " shared by \(placement.sharingRanks) ranks" : "" }

  private var loading: String {
    let count = loaders, verb = count == 1 ? "loads" : "load"
    if count == 0 { return "loading in between" }
    return "\(count) \(verb)" + (placement.loaderThreads == 0 ? " in turns" : "")
  }

  /// What costs speed, with the remedy.
  public var warnings: [String] {
    let threads = team.count * placement.machineRanks, room = placement.machineProcessorCount
    var warnings = [placement.warning, Processor.blasWarning].compactMap { $0 }
    if isAsked && team.count > 1 && threads > room {
      warnings.append(
        "\(placement.machineRanks.of("rank")) of \(team.count) threads take turns on \(room.of("processor")) of "
          + "\(placement.host): leave `distributed.threads` out, or set it to \(max(1, room / placement.machineRanks))")
    }
    return warnings
  }
}
