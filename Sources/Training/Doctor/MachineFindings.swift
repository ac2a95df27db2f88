import Communication

extension Finding {
  /// What the facts of all ranks come to.
  public static func findings(in facts: [MachineFacts]) -> [Finding] {
    (differences(facts) + facts.flatMap(settings) + launcher(facts)).withoutRepetitions
  }

  /// Ranks that are not like rank 0, named by the first host on which it is so.
  private static func differences(_ facts: [MachineFacts]) -> [Finding] {
    func odd(_ value: (MachineFacts) -> String) -> (fact: MachineFacts, value: String, first: String)? {
      facts.first { value($0) != value(facts[0]) }.map { ($0, value($0), value(facts[0])) }
    }
    func title(_ fact: MachineFacts) -> String { "rank \(fact.rank) (\(fact.host))" }
    var findings: [Finding] = []
    if let (fact, _, _) = odd(\.build) {
      findings.append(
        Finding(
          .program, "\(title(fact)) runs another build of the program than rank 0 (\(facts[0].host))",
          remedy: "a training refuses to start so; copy one build to all hosts, or keep it on a shared disk"))
    }
    if let (fact, value, first) = odd({ $0.library.split(separator: ",").first.map(String.init) ?? "" }) {
      findings.append(
        Finding(
          .program, "\(title(fact)) has \(value), rank 0 (\(facts[0].host)) has \(first)",
          remedy: "install the same MPI on all hosts: versions may not understand each other"))
    }
    if let (fact, value, first) = odd(\.processor) {
      findings.append(
        Finding(
          .program, isProblem: false, "\(title(fact)) has another processor (\(value)) than rank 0 (\(first))",
          remedy: "every step takes as long as on the slowest host: see the rates"))
    }
    return findings
  }

  /// What the system of one machine is set to.
  private static func settings(_ fact: MachineFacts) -> [Finding] {
    var findings: [Finding] = []
    if fact.hugePages == "never" {
      findings.append(
        Finding(
          .memory, "huge pages are switched off on \(fact.host)",
          remedy: "as root, `echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`: the arena asks for them"))
    }
    if fact.availableMemoryBytes > 0, fact.availableMemoryBytes < 1 << 30 {
      findings.append(
        Finding(
          .memory, "only \(NumberText.bytes(Double(fact.availableMemoryBytes))) of memory are free on \(fact.host)",
          remedy: "end what else runs there, or set `run.memory_budget`"))
    }
    if let quota = fact.quota, quota < Double(fact.maskCount) - 0.01 {
      findings.append(
        Finding(
          .clock, "a control group on \(fact.host) grants the time of \(NumberText.significant(quota, digits: 3)) of "
            + "\(fact.maskCount.of("processor"))",
          remedy: "threads are stopped again and again; raise the container's limit (`docker run --cpus`), or bind "
            + "it to whole processors (`--cpuset-cpus`)"))
    }
    if let clock = fact.clock { findings += speed(clock, fact.host) }
    return findings
  }

  private static func speed(_ clock: MachineFacts.Clock, _ host: String) -> [Finding] {
    var findings: [Finding] = []
    func gigahertz(_ number: Double) -> String { NumberText.fixed(number * 1e-6, decimals: 1) }
    if clock.allowedKilohertz > 0, clock.allowedKilohertz < 0.95 * clock.highestKilohertz {
      findings.append(
        Finding(
          .clock, "the clock on \(host) is held at \(gigahertz(clock.allowedKilohertz)) of "
            + "\(gigahertz(clock.highestKilohertz)) GHz",
          remedy: "`cpupower frequency-set --max \(gigahertz(clock.highestKilohertz))GHz` sets it free"))
    }
    // These drivers raise the clock by themselves under `powersave`.
    let isSelfGoverned = clock.driver.hasPrefix("intel_pstate") || clock.driver.hasPrefix("amd-pstate")
    if clock.governor == "powersave" && !isSelfGoverned {
      findings.append(
        Finding(
          .clock, "processors on \(host) stay at their lowest clock (governor powersave)",
          remedy: "`cpupower frequency-set --governor performance`"))
    }
    if clock.isBoosting == false {
      findings.append(
        Finding(
          .clock, isProblem: false, "the clock on \(host) may not rise above its base",
          remedy: "steady figures, but fewer of them; the firmware or `cpufreq/boost` switches it"))
    }
    return findings
  }

  /// What Slurm says against what is there.
  private static func launcher(_ facts: [MachineFacts]) -> [Finding] {
    let hosts = Set(facts.map(\.host)).count, variables = facts[0].variables
    var findings: [Finding] = []
    if let count = variables["SLURM_JOB_NUM_NODES"].flatMap({ Int($0) }), count > hosts {
      findings.append(
        Finding(
          .launcher, "Slurm reserved \(count.of("host")) (SLURM_JOB_NUM_NODES), ranks run on \(hosts)",
          remedy: "`mpirun` without --host or --hostfile takes all of them; or ask for \(hosts) (`#SBATCH --nodes`)"))
    }
    if let count = variables["SLURM_NTASKS"].flatMap({ Int($0) }), facts.count > 1, count != facts.count {
      findings.append(
        Finding(
          .launcher, "Slurm reserved \(count.of("task")) (SLURM_NTASKS), \(facts.count.of("rank")) run",
          remedy: "start \(count) with `mpirun -n \(count)`, or ask for \(facts.count) (`#SBATCH --ntasks`)"))
    }
    for fact in facts {
      guard let count = fact.variables["SLURM_CPUS_PER_TASK"].flatMap({ Int($0) }), fact.maskCount < count
      else { continue }
      findings.append(
        Finding(
          .launcher, "Slurm gives a task \(count.of("processor")) (SLURM_CPUS_PER_TASK), a rank on \(fact.host) may "
            + "use \(fact.maskCount.of("core"))",
          remedy: "where tasks count hardware threads, ask with `#SBATCH --hint=nomultithread`; otherwise "
            + "`mpirun --map-by slot:PE=\(count)`, or `srun --cpus-per-task=\(count)`"))
    }
    return findings
  }
}
