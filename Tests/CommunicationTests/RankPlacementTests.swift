import Communication
import Testing

@Suite struct RankPlacementTests {
  private func mask(
    _ processors: Range<Int>, machine: String = "a", launcher: Int = 16, quota: Double? = nil
  ) -> ProcessorMask {
    ProcessorMask(machine: machine, processors: Set(processors), launcherProcessorCount: launcher, quota: quota)
  }

  @Test func unboundRanksShareTheMachine() {
    let placement = RankPlacement(rank: 1, host: "node07", masks: [mask(0..<16), mask(0..<16)])
    #expect(placement.threads == 8)
    #expect(placement.computeThreads == 7)
    #expect(placement.loaderThreads == 1)
    #expect(placement.warning == nil)
    #expect("\(placement)" == "rank 1 (node07): 7 threads compute, 1 loads; 16 processors shared by 2 ranks")
  }

  @Test func boundRanksHaveTheirOwn() {
    let placement = RankPlacement(
      rank: 0, host: "a", masks: [mask(0..<3), mask(3..<6), mask(0..<3, machine: "b")])
    #expect(placement.threads == 3)
    #expect(placement.loaderThreads == 0)
    #expect(placement.sharingRanks == 1)
    #expect(placement.machineRanks == 2)
  }

  @Test func overlappingMasksCountInPart() {
    // Processors 0-3 belong to rank 0 alone, 4-7 to both: 4 + 4/2.
    let placement = RankPlacement(rank: 0, host: "a", masks: [mask(0..<8), mask(4..<8)])
    #expect(placement.threads == 6)
  }

  @Test func moreRanksThanProcessorsHaveOneThreadEach() {
    let masks = Array(repeating: mask(0..<2, launcher: 2), count: 4)
    #expect(RankPlacement(rank: 3, host: "a", masks: masks).threads == 1)
  }

  @Test func theControlGroupLimitsThreads() {
    let placement = RankPlacement(rank: 0, host: "a", masks: Array(repeating: mask(0..<16, quota: 6), count: 2))
    #expect(placement.threads == 3)
  }

  @Test func bindingThatWastesTheMachineIsNamed() throws {
    let masks = [mask(0..<1), mask(1..<2)]
    let warning = try #require(RankPlacement(rank: 0, host: "node07", masks: masks).warning)
    #expect(warning.contains("bound its ranks on node07 (2 of them) to 2 of 16 processors"))
    #expect(warning.contains("`--bind-to none`") && warning.contains("`--map-by slot:PE=8`"))
  }

  @Test func thisProcessHasProcessors() {
    #expect(!ProcessorMask.current().processors.isEmpty)
  }
}

extension InWorlds {
  @Suite struct PlacementTests {
    @Test func ranksOfThisMachineFindEachOther() throws {
      try InWorlds.run { communicator in
        let placement = try RankPlacement(over: communicator)
        #expect(placement.rank == communicator.rank)
        #expect(placement.threads >= 1)
        if Set(communicator.hostNames).count == 1 { #expect(placement.machineRanks == communicator.size) }
      }
    }
  }
}
