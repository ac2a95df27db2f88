import Testing
import Training

@Suite struct MachineFindingsTests {
  /// The sentences about two ranks, of which the second is changed by `change`.
  private func sentences(_ change: (inout MachineFacts) -> Void) -> [String] {
    let first = MachineFacts(
      rank: 0, host: "node01", processor: "Zen", build: "a", library: "Open MPI v4.1.6, package: x", nodes: [[0, 1]],
      hugePages: "madvise", availableMemoryBytes: 8 << 30, maskCount: 2)
    var second = first
    second.rank = 1
    second.host = "node02"
    change(&second)
    return Finding.findings(in: [first, second]).map { ($0.isProblem ? "" : "note: ") + $0.sentence }
  }

  @Test func `Ranks that are alike and well are not mentioned`() {
    #expect(sentences { _ in } == [])
    #expect(sentences { $0.library = "Open MPI v4.1.6, package: y" } == [])
    #expect(sentences { $0.quota = 2 } == [])
    // These drivers raise the clock by themselves.
    #expect(sentences {
      $0.clock = MachineFacts.Clock(
        governor: "powersave", driver: "intel_pstate", allowedKilohertz: 3e6, highestKilohertz: 3e6)
    } == [])
  }

  @Test func `A rank that is not like the first is named with its host`() {
    #expect(sentences { $0.build = "b" }[0].hasPrefix("rank 1 (node02) runs another build of the program than rank 0"))
    #expect(sentences { $0.library = "Open MPI v5.0.1" }[0].hasPrefix(
      "rank 1 (node02) has Open MPI v5.0.1, rank 0 (node01) has Open MPI v4.1.6: install the same MPI"))
    #expect(sentences { $0.processor = "Haswell" }[0].hasPrefix(
      "note: rank 1 (node02) has another processor (Haswell) than rank 0 (Zen)"))
  }

  @Test func `Settings of a machine that cost speed come with their remedy`() {
    #expect(sentences { $0.hugePages = "never" }[0].hasPrefix("huge pages are switched off on node02: as root, `echo"))
    #expect(sentences { $0.availableMemoryBytes = 500_000_000 } == [
      "only 500 MB of memory are free on node02: end what else runs there, or set `run.memory_budget`"
    ])
    #expect(sentences { $0.quota = 1.5 }[0].hasPrefix(
      "a control group on node02 grants the time of 1.5 of 2 processors: threads are stopped"))
    let held = sentences {
      $0.clock = MachineFacts.Clock(
        governor: "powersave", driver: "acpi-cpufreq", allowedKilohertz: 1.2e6, highestKilohertz: 3.4e6,
        isBoosting: false)
    }
    #expect(held.count == 3)
    #expect(held[0].hasPrefix("the clock on node02 is held at 1.2 of 3.4 GHz: `cpupower frequency-set --max 3.4GHz`"))
    #expect(held[1].hasPrefix("processors on node02 stay at their lowest clock (governor powersave)"))
    #expect(held[2].hasPrefix("note: the clock on node02 may not rise above its base"))
  }

  @Test func `What Slurm reserved and nobody uses is a problem`() {
    var facts = MachineFacts(rank: 0, host: "node01", maskCount: 1)
    facts.variables = ["SLURM_JOB_NUM_NODES": "4", "SLURM_NTASKS": "8", "SLURM_CPUS_PER_TASK": "6"]
    let sentences = Finding.findings(in: [facts, facts]).map(\.sentence)
    #expect(sentences.count == 3)
    #expect(sentences[0].hasPrefix("Slurm reserved 4 hosts (SLURM_JOB_NUM_NODES), ranks run on 1:"))
    #expect(sentences[1].hasPrefix("Slurm reserved 8 tasks (SLURM_NTASKS), 2 ranks run: start 8 with `mpirun -n 8`"))
    #expect(sentences[2].hasPrefix(
      "Slurm gives a task 6 processors (SLURM_CPUS_PER_TASK), a rank on node01 may use 1 core: where tasks count"))
  }
}
