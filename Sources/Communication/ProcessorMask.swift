import Compute
import Foundation

/// The processors that a process may run on, and the machine that they belong to, as its rank tells the others.
///
/// Of the processors that are hardware threads of one core, the first stands for all: two busy ones share one set of
/// vector units and caches, and matrix products by both take as long as by one.
public struct ProcessorMask: Sendable, Equatable, Codable {
  /// The same for all processes of one running kernel and for no other, whatever containers and host names say.
  public var machine: String
  /// Numbers of the processors in this process's affinity mask, one a core.
  public var processors: Set<Int>
  /// The number of cores in the mask of the launcher that started it: what binding could give at most.
  public var launcherProcessorCount: Int
  /// The processor time that the control group grants all its processes together, in processors; nil for no limit.
  public var quota: Double?

  public init(machine: String, processors: Set<Int>, launcherProcessorCount: Int, quota: Double? = nil) {
    self.machine = machine
    self.processors = processors
    self.launcherProcessorCount = launcherProcessorCount
    self.quota = quota
  }

  /// The mask of this process.
  public static func current() -> ProcessorMask {
    var allowed = Set(Processor.affinity)
    // Where the mask cannot be read (more processors than it has room for), all that are there may be used.
    if allowed.isEmpty { allowed = Set(0..<ProcessInfo.processInfo.processorCount) }
    let processors = onePerCore(allowed)
    let bootIdentifier = text("/proc/sys/kernel/random/boot_id")
    return ProcessorMask(
      machine: bootIdentifier ?? currentHostName(), processors: processors,
      launcherProcessorCount: max(launcherProcessorCount() ?? 0, processors.count),
      quota: text("/sys/fs/cgroup/cpu.max").flatMap(quota(in:)))
  }

  /// Reads `200000 100000`: microseconds of processor time in a period of so many microseconds.
  static func quota(in text: String) -> Double? {
    let numbers = text.split(separator: " ").map { Double($0) }
    guard numbers.count == 2, let time = numbers[0], let period = numbers[1], period > 0 else { return nil }
    return time / period
  }

  /// The processors in a list such as `0-3,8,10-11`.
  package static func processors(in list: some StringProtocol) -> Set<Int> {
    list.split(separator: ",").reduce(into: []) { processors, range in
      let ends = range.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      if let first = ends.first, let last = ends.last, first <= last { processors.formUnion(first...last) }
    }
  }

  /// The first processor of each core that has one among `processors`.
  package static func onePerCore(
    _ processors: Set<Int>, siblings: (Int) -> Set<Int> = { siblings(of: $0) }
  ) -> Set<Int> {
    processors.filter { processor in processor == siblings(processor).intersection(processors).min() ?? processor }
  }

  /// The hardware threads of a processor's core, itself among them; empty where the system does not say.
  package static func siblings(of processor: Int) -> Set<Int> {
    text("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list").map { processors(in: $0) } ?? []
  }

  /// `0-3,8,10-11` for ascending numbers.
  package static func list(_ processors: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for processor in processors {
      if let last = ranges.last, last.upperBound + 1 == processor {
        ranges[ranges.count - 1] = last.lowerBound...processor
      } else {
        ranges.append(processor...processor)
      }
    }
    let texts = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
    return texts.joined(separator: ",")
  }

  /// Looks among the processes above this one for `mpirun` or its daemon, which are not bound themselves.
  private static func launcherProcessorCount() -> Int? {
    var process = Int(getppid())
    while process > 1, let status = text("/proc/\(process)/status") {
      var fields: [Substring: String] = [:]
      for line in status.split(separator: "\n") {
        guard let colon = line.firstIndex(of: ":") else { continue }
        fields[line[..<colon]] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      }
      let name = fields["Name"] ?? ""
      if ["mpirun", "mpiexec", "orte", "prte"].contains(where: name.hasPrefix) {
        return fields["Cpus_allowed_list"].map { onePerCore(processors(in: $0)).count }
      }
      process = fields["PPid"].flatMap { Int($0) } ?? 0
    }
    return nil
  }

  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
