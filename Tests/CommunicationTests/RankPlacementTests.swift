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

  @Test func ranksWithOneMaskDivideIt() {
    let placements = (0..<2).map { RankPlacement(rank: $0, host: "a", masks: [mask(4..<20), mask(4..<20)]) }
    #expect(placements.map(\.processors) == [Array(4..<12), Array(12..<20)])
    // Seven compute and one loads: the rank's part is full. With fewer threads others may use it too.
    #expect(placements.map { $0.workerProcessors(7) } == [Array(4..<11), Array(12..<19)])
    #expect(placements[0].workerProcessors(8) == Array(4..<12))
    #expect(placements[0].workerProcessors(6) == nil)
    #expect(placements[0].workerProcessors(9) == nil)
  }

  @Test func aRankOfItsOwnHasItsWholeMask() {
    let masks = [mask(0..<2), mask(2..<4), mask(0..<2, machine: "b")]
    #expect(RankPlacement(rank: 1, host: "a", masks: masks).processors == [2, 3])
    #expect(RankPlacement(rank: 1, host: "a", masks: masks).workerProcessors(2) == [2, 3])
    #expect(RankPlacement(rank: 1, host: "a", masks: masks).workerProcessors(1) == nil)
  }

  /// Whoever takes turns with others must be free to run where there is room.
  @Test func ranksThatTakeTurnsAreNotPinned() throws {
    let crowd = RankPlacement(rank: 3, host: "a", masks: Array(repeating: mask(0..<2, launcher: 2), count: 4))
    #expect(crowd.processors.isEmpty && crowd.workerProcessors(1) == nil)
    let warning = try #require(crowd.warning)
    #expect(warning.contains("4 ranks take turns on 2 processors of a") && warning.contains("`mpirun -n 2`"))
    #expect(warning.contains("`distributed.replicas=4`"))
    let overlapping = RankPlacement(rank: 0, host: "a", masks: [mask(0..<8, launcher: 8), mask(4..<8, launcher: 8)])
    #expect(overlapping.processors.isEmpty && overlapping.warning == nil)
  }

  @Test func loadersTakeTheirPartFromFourProcessorsOn() {
    func compute(_ processors: Int, loading: Int) -> Int {
      RankPlacement(rank: 0, host: "a", masks: [mask(0..<processors)], loaderThreads: loading).computeThreads
    }
    #expect([1, 2, 3, 4, 8].map { compute($0, loading: 1) } == [1, 2, 3, 3, 7])
    #expect([3, 4, 8].map { compute($0, loading: 3) } == [3, 1, 5])
    #expect(compute(4, loading: 0) == 4 && compute(4, loading: 9) == 1)
  }

  /// Four cores of two hardware threads: 0 and 4, 1 and 5, 2 and 6, 3 and 7.
  @Test func hardwareThreadsOfACoreCountOnce() {
    let siblings: (Int) -> Set<Int> = { [$0 % 4, $0 % 4 + 4] }
    #expect(ProcessorMask.onePerCore([0, 1, 2, 3, 4, 5, 6, 7], siblings: siblings) == [0, 1, 2, 3])
    #expect(ProcessorMask.onePerCore([1, 4, 5], siblings: siblings) == [1, 4])
    #expect(ProcessorMask.onePerCore([3, 9], siblings: { _ in [] }) == [3, 9])
    #expect(ProcessorMask.processors(in: "0-3,8, 10-11\n") == [0, 1, 2, 3, 8, 10, 11])
    #expect(ProcessorMask.processors(in: "").isEmpty)
  }

  @Test func processorsAreListedInRanges() {
    #expect(ProcessorMask.list([0, 1, 2, 3, 8, 10, 11]) == "0-3,8,10-11")
    #expect(ProcessorMask.list([5]) == "5" && ProcessorMask.list([]).isEmpty)
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
