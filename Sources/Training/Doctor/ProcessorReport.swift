import Communication
import Compute
import Foundation

/// What the processors of a job give: each rank's threads and where they run, and each machine's rates of matrix
/// products and copies, by one worker alone and by the workers of all its ranks together.
public struct ProcessorReport: Sendable {
  /// One rank.
  public struct Rank: Codable, Sendable {
    public let rank: Int
    public let host: String
    /// The processors of its mask, as in `0-3,8`.
    public let processors: String
    public let computeThreads: Int
    public let loaderThreads: Int
    /// The processors that each worker may run on, read back within the workers.
    public let workerProcessors: [String]
    /// Whether every worker flushes denormals to zero, tried out in the workers.
    public let flushesDenormals: Bool
    public let blasKernel: String
    let machine: String
    let problems: [String]
    let machineProcessors: Int
    /// Measured alone on the first rank of each machine, zero on the others.
    public internal(set) var alone = Rates()
    public internal(set) var together = Rates()

    /// Whether each worker has a processor of its own.
    public var isPinned: Bool { workerProcessors.allSatisfy { Int($0) != nil } }
  }

  /// Operations a second of matrix products and bytes a second, read and written, of copies.
  public struct Rates: Codable, Sendable {
    public var products = 0.0
    public var copies = 0.0
  }

  /// One machine.
  public struct Host: Sendable {
    public let host: String
    public let ranks: Int
    /// The workers of all its ranks.
    public let workers: Int
    /// The ranks that have a processor of their own there.
    public let room: Int
    /// One worker, while all others rest.
    public let alone: Rates
    /// All workers of all ranks at once.
    public let together: Rates
  }

  public let ranks: [Rank]
  public let hosts: [Host]
  /// What costs speed, with the remedy; empty when all is well.
  public let problems: [String]

  /// Measures each rate for about so many seconds. Collective; every rank has the whole report.
  public init(over communicator: any Communicator, seconds: Double) throws {
    let threads = try RankThreads(over: communicator)
    defer { threads.restore() }
    var own = Rank(threads)
    let machines = try communicator.allGather("machines", Array(own.machine.utf8))
    if machines.firstIndex(of: Array(own.machine.utf8)) == communicator.rank {
      let one = WorkerTeam(count: 1, processors: threads.team.processors.map { [$0[0]] })
      own.alone = try Rates(
        products: PeakRate.measure(one, seconds: seconds), copies: PeakRate.measureCopy(one, seconds: seconds))
    }
    try communicator.barrier("rates alone")
    own.together.products = try PeakRate.measure(threads.team, seconds: seconds, isTypical: true)
    try communicator.barrier("products together")
    own.together.copies = try PeakRate.measureCopy(threads.team, seconds: seconds, isTypical: true)
    let texts = try communicator.allGather("processor report", Array(JSONEncoder().encode(own)))
    self.init(ranks: try texts.map { try JSONDecoder().decode(Rank.self, from: Data($0)) })
  }

  init(ranks: [Rank]) {
    self.ranks = ranks
    var machines: [String] = []
    for rank in ranks where !machines.contains(rank.machine) { machines.append(rank.machine) }
    hosts = machines.map { machine in
      let own = ranks.filter { $0.machine == machine }
      return Host(
        host: own[0].host, ranks: own.count, workers: own.reduce(0) { $0 + $1.computeThreads },
        room: min(own.count, own[0].machineProcessors), alone: own[0].alone,
        together: Rates(
          products: own.reduce(0) { $0 + $1.together.products }, copies: own.reduce(0) { $0 + $1.together.copies }))
    }
    var problems: [String] = []
    for problem in ranks.flatMap(\.problems) + hosts.compactMap(Self.poorScaling) where !problems.contains(problem) {
      problems.append(problem)
    }
    self.problems = problems
  }

  /// Products scale with processors that are whole and free: they hardly touch memory.
  private static func poorScaling(_ host: Host) -> String? {
    let times = host.together.products / host.alone.products
    guard host.ranks <= host.room, host.workers > 1, times < 0.75 * Double(host.workers) else { return nil }
    let factor = NumberText.fixed(times, decimals: 1)
    return "\(host.workers) workers on \(host.host) multiply only \(factor) times as fast as one: other programs run "
      + "there, or two processors are one core; end those programs, or take fewer threads (`distributed.threads`)"
  }
}

extension ProcessorReport.Rank {
  init(_ threads: RankThreads) {
    let team = threads.team, placement = threads.placement
    let places = PerWorker(team.count), flushed = PerWorker(team.count)
    team.run { worker in
      places.values[worker.index] = ProcessorMask.list(Processor.affinity)
      flushed.values[worker.index] = Float(bitPattern: 1 + UInt32(worker.index)) * 0x1p30 == 0 ? "yes" : "no"
    }
    let mask = ProcessorMask.current()
    rank = placement.rank
    host = placement.host
    processors = ProcessorMask.list(placement.maskProcessors)
    computeThreads = team.count
    loaderThreads = placement.loaderThreads
    workerProcessors = Array(places.values)
    flushesDenormals = flushed.values.allSatisfy { $0 == "yes" }
    blasKernel = Processor.blasKernel
    machine = mask.machine
    problems = threads.warnings
    machineProcessors = placement.machineProcessorCount
  }

  /// A word from each worker, written at its own place.
  private final class PerWorker: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<String>

    init(_ count: Int) {
      values = .allocate(capacity: count)
      values.initialize(repeating: "")
    }

    deinit {
      values.deinitialize()
      values.deallocate()
    }
  }
}
