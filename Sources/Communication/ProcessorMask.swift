import COpenMPI
import Foundation

/// The processors that a process may run on, and the machine that they belong to, as its rank tells the others.
public struct ProcessorMask: Sendable, Equatable, Codable {
  /// The same for all processes of one running kernel and for no other, whatever containers and host names say.
  public var machine: String
  /// Numbers of the processors in this process's affinity mask.
  public var processors: Set<Int>
  /// The number of processors in the mask of the launcher that started it: what binding could give at most.
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
    var allowed = [UInt8](repeating: 0, count: Int(openmpi_processor_limit))
    var processors = Set<Int>()
    if openmpi_affinity(&allowed) == 0 { processors = Set(allowed.indices.filter { allowed[$0] == 1 }) }
    // Where the mask cannot be read (more processors than it has room for), all that are there may be used.
    if processors.isEmpty { processors = Set(0..<ProcessInfo.processInfo.processorCount) }
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

  /// The number of processors in a list such as `0-3,8,10-11`.
  static func count(of list: some StringProtocol) -> Int {
    list.split(separator: ",").reduce(0) { count, range in
      let ends = range.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
      return count + (ends.isEmpty ? 0 : ends.last! - ends.first! + 1)
    }
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
        return fields["Cpus_allowed_list"].map { count(of: $0) }
      }
      process = fields["PPid"].flatMap { Int($0) } ?? 0
    }
    return nil
  }

  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
