import Communication
import Compute
import Foundation

/// Everything that `trainer doctor` looks at, on all ranks of a job.
public struct JobReport: Sendable {
  public let processors: ProcessorReport
  public let machines: [MachineFacts]
  /// `nil` for one rank alone.
  public let link: Link?
  /// Measured by rank 0 alone, which alone writes results.
  public let disk: DiskRate
  public let checkpointBytes: Int
  public let findings: [Finding]

  /// What the ranks can send each other.
  public struct Link: Sendable {
    public let model: LinkModel
    public let reduction: ReductionKind
    public let sums: [LinkMeasurement.Sum]
    /// The gradient buckets that a training would choose.
    public let bucketBytes: Int
  }

  /// Sums of this size and more are what gradients travel in; shorter ones are mere latency.
  private static let gradientBytes = 256 << 10
  private static let slowSum = 1.5

  /// Looks and measures. Collective; takes about four times `seconds`, and three seconds for link and disk at most.
  /// - Parameters:
  ///   - seconds: for each of four rates.
  ///   - build: identifies this program.
  ///   - folder: where results would go.
  ///   - checkpointBytes: what a checkpoint would take.
  public init(
    over communicator: any Communicator, seconds: Double, build: String, folder: String,
    checkpointBytes: Int = DiskRate.usualCheckpointBytes
  ) throws {
    machines = try MachineFacts.gather(over: communicator, build: build)
    processors = try ProcessorReport(over: communicator, seconds: seconds)
    link = try communicator.size > 1 ? Link(over: communicator, seconds: min(seconds, 1)) : nil
    let isFirst = communicator.rank == 0
    let own = try isFirst ? JSONEncoder().encode(DiskRate(folder: folder, seconds: min(2 * seconds, 2))) : Data()
    disk = try JSONDecoder().decode(DiskRate.self, from: Data(communicator.broadcast("disk", Array(own))))
    self.checkpointBytes = checkpointBytes
    findings = (processors.findings + Finding.findings(in: machines) + (link?.findings(machines) ?? [])
      + disk.findings(checkpointBytes: checkpointBytes)).withoutRepetitions
  }
}

extension JobReport.Link {
  init(over communicator: any Communicator, seconds: Double) throws {
    model = try LinkMeasurement.model(over: communicator, seconds: 0.5 * seconds)
    reduction = ReplicaAssignment.usualReduction(ranks: communicator.size)
    sums = try LinkMeasurement.sums(over: communicator, reduction, against: model, seconds: seconds)
    bucketBytes = reduction == .tree ? model.bucketBytes(ranks: communicator.size) : BucketSize.standard
  }

  func findings(_ machines: [MachineFacts]) -> [Finding] {
    JobReport.findings(sums, hosts: Set(machines.map(\.host)).count)
  }
}

extension JobReport {
  /// Sums that take longer than their link explains: most of them, since a single one may have been disturbed.
  public static func findings(_ sums: [LinkMeasurement.Sum], hosts: Int) -> [Finding] {
    let large = sums.filter { $0.bytes >= gradientBytes }.sorted { $0.ratio < $1.ratio }
    guard let worst = large.last, large[large.count / 2].ratio > slowSum else { return [] }
    return [
      Finding(
        .link, "a sum of \(NumberText.bytes(Double(worst.bytes))) takes \(NumberText.brief(worst.measuredSeconds)), "
          + "\(NumberText.fixed(worst.ratio, decimals: 1)) times what the link explains",
        remedy: hosts > 1
          ? "other traffic or an adapter shared by all ranks; name the fast network (`--mca btl_tcp_if_include`), and "
            + "number ranks host by host (`--map-by slot`)"
          : "ranks wait for processors: start fewer, or end what else runs there")
    ]
  }
}

extension ProcessorReport {
  /// What costs speed on the processors, ranks that are slower than the others among it.
  public var findings: [Finding] {
    problems.map { Finding($0.contains("times as fast as one") ? .rates : .threads, warning: $0) } + slowRanks
  }

  private static let slowRank = 1.25

  /// The host whose workers multiply much slower than those of the median host; on one host, the rank.
  ///
  /// Of an even number the faster median: of two, one is slow against the other. Ranks that take turns are not compared.
  var slowRanks: [Finding] {
    guard hosts.allSatisfy({ $0.ranks <= $0.room }) else { return [] }
    let names = ranks.map(\.host).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    func rate(_ ranks: [Rank]) -> Double {
      ranks.reduce(0) { $0 + $1.together.products } / Double(max(ranks.reduce(0) { $0 + $1.computeThreads }, 1))
    }
    let groups = names.count > 1
      ? names.map { name in ("ranks on \(name) are", rate(ranks.filter { $0.host == name })) }
      : ranks.map { ("rank \($0.rank) (\($0.host)) is", rate([$0])) }
    let rates = groups.map(\.1).sorted(), median = rates[rates.count / 2]
    guard groups.count > 1, let slowest = groups.min(by: { $0.1 < $1.1 }), slowest.1 * Self.slowRank < median
    else { return [] }
    return [
      Finding(
        .rates, "\(slowest.0) \(NumberText.fixed(median / slowest.1, decimals: 1)) times slower than the median in "
          + "matrix products", remedy: "every step waits for it: end what else runs there, or leave it out")
    ]
  }
}
