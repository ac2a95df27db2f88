import Communication
import Foundation
import Glibc

/// What the machine of a rank says of itself, read there and gathered on all ranks.
public struct MachineFacts: Hashable, Sendable, Codable {
  public var rank: Int
  public var host: String
  /// What the processor calls itself, such as `AMD EPYC 9654 96-Core Processor`.
  public var processor: String
  /// Identifies the program that this rank runs.
  public var build: String
  /// What the MPI library calls itself.
  public var library: String
  /// The processors that are switched on, by memory node.
  public var nodes: [[Int]]
  /// The setting of transparent huge pages: `always`, `madvise` or `never`; `nil` where the kernel has none.
  public var hugePages: String?
  /// What programs may still take without swapping; 0 where it is not told.
  public var availableMemoryBytes: Int
  /// How the clock of the first processor is governed, where that can be read.
  public var clock: Clock?
  /// The processor time that the control group grants, in processors; `nil` for no limit.
  public var quota: Double?
  /// The processors in this rank's mask, one a core.
  public var maskCount: Int
  /// The variables of Slurm and of thread libraries that speak of processors, ranks and hosts.
  public var variables: [String: String]

  public struct Clock: Hashable, Sendable, Codable {
    /// `performance`, `powersave`, `schedutil` …
    public var governor: String
    public var driver: String
    /// The highest frequency that is allowed, and that the processor has.
    public var allowedKilohertz: Double
    public var highestKilohertz: Double
    /// Whether the clock may rise above its base for a while; `nil` where that is not told.
    public var isBoosting: Bool?

    public init(
      governor: String, driver: String, allowedKilohertz: Double, highestKilohertz: Double, isBoosting: Bool? = nil
    ) {
      self.governor = governor
      self.driver = driver
      self.allowedKilohertz = allowedKilohertz
      self.highestKilohertz = highestKilohertz
      self.isBoosting = isBoosting
    }
  }

  public init(
    rank: Int, host: String, processor: String = "", build: String = "", library: String = "", nodes: [[Int]] = [],
    hugePages: String? = nil, availableMemoryBytes: Int = 0, clock: Clock? = nil, quota: Double? = nil,
    maskCount: Int = 1, variables: [String: String] = [:]
  ) {
    self.rank = rank
    self.host = host
    self.processor = processor
    self.build = build
    self.library = library
    self.nodes = nodes
    self.hugePages = hugePages
    self.availableMemoryBytes = availableMemoryBytes
    self.clock = clock
    self.quota = quota
    self.maskCount = maskCount
    self.variables = variables
  }

  /// The facts of every rank. Collective; to be called before threads are pinned.
  public static func gather(over communicator: any Communicator, build: String) throws -> [MachineFacts] {
    let own = try JSONEncoder().encode(MachineFacts(communicator, build: build))
    return try communicator.allGather("machine facts", Array(own)).map {
      try JSONDecoder().decode(MachineFacts.self, from: Data($0))
    }
  }

  private init(_ communicator: any Communicator, build: String) {
    let mask = ProcessorMask.current()
    self.init(
      rank: communicator.rank, host: communicator.hostName, processor: Self.processorName, build: build,
      library: MPICommunicator.libraryVersion, nodes: Self.processorsByNode,
      hugePages: Self.text("/sys/kernel/mm/transparent_hugepage/enabled").flatMap(Self.chosen),
      availableMemoryBytes: Self.text("/proc/meminfo").flatMap(Self.availableMemory) ?? 0, clock: Self.clock,
      quota: mask.quota, maskCount: mask.processors.count,
      variables: ProcessInfo.processInfo.environment.filter { Self.variableNames.contains($0.key) })
  }

  private static let variableNames: Set<String> = [
    "SLURM_NTASKS", "SLURM_JOB_NUM_NODES", "SLURM_CPUS_PER_TASK", "SLURM_NTASKS_PER_NODE", "OMPI_COMM_WORLD_SIZE",
  ]

  private static var processorName: String {
    let line = (text("/proc/cpuinfo") ?? "").split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
  }

  private static var processorsByNode: [[Int]] {
    let folder = "/sys/devices/system/node"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
      $0.hasPrefix("node") && Int($0.dropFirst(4)) != nil
    }
    let lists = names.sorted { Int($0.dropFirst(4))! < Int($1.dropFirst(4))! }.compactMap {
      text("\(folder)/\($0)/cpulist").map { ProcessorMask.processors(in: $0).sorted() }
    }.filter { !$0.isEmpty }
    if !lists.isEmpty { return lists }
    return [text("/sys/devices/system/cpu/online").map { ProcessorMask.processors(in: $0).sorted() } ?? []]
  }

  private static var clock: Clock? {
    let folder = "/sys/devices/system/cpu/cpu0/cpufreq"
    guard let governor = text("\(folder)/scaling_governor") else { return nil }
    func number(_ name: String) -> Double { text("\(folder)/\(name)").flatMap { Double($0) } ?? 0 }
    let noTurbo = text("/sys/devices/system/cpu/intel_pstate/no_turbo").map { $0 != "1" }
    return Clock(
      governor: governor, driver: text("\(folder)/scaling_driver") ?? "", allowedKilohertz: number("scaling_max_freq"),
      highestKilohertz: number("cpuinfo_max_freq"),
      isBoosting: noTurbo ?? text("/sys/devices/system/cpu/cpufreq/boost").map { $0 != "0" })
  }

  /// The choice in `always [madvise] never`.
  static func chosen(in text: String) -> String? {
    guard let start = text.firstIndex(of: "["), let end = text.firstIndex(of: "]"), start < end else { return nil }
    return String(text[text.index(after: start)..<end])
  }

  /// Reads the line `MemAvailable:   20123456 kB`.
  static func availableMemory(in text: String) -> Int? {
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
