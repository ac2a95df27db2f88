import Compute
import Synchronization
import Testing

/// Every tile goes to exactly one worker, a barrier shows what was written before it, and nothing hangs.
@Suite struct WorkerTeamTests {
  @Test(arguments: 1...4) func tilesAreDealtExactlyOnce(workers: Int) {
    let team = WorkerTeam(count: workers)
    let most = 37
    let dealt = (0..<most).map { _ in Counter() }
    for round in 0..<1000 {
      let tiles = round % (most + 1)
      team.run { worker in
        for tile in worker.tiles(tiles) { dealt[tile].value.wrappingAdd(1, ordering: .relaxed) }
      }
    }
    for tile in 0..<most {
      let rounds = (0..<1000).count { tile < $0 % (most + 1) }
      #expect(dealt[tile].value.load(ordering: .relaxed) == rounds)
    }
  }

  /// Sixteen loops may be open between two barriers, of different lengths.
  @Test(arguments: 1...4) func sixteenLoopsBetweenBarriers(workers: Int) {
    let team = WorkerTeam(count: workers)
    let dealt = (0..<16).map { _ in Counter() }
    team.run { worker in
      for _ in 0..<200 {
        for loop in 0..<16 {
          for tile in worker.tiles(loop) { dealt[loop].value.wrappingAdd(tile + 1, ordering: .relaxed) }
        }
        worker.barrier()
      }
    }
    for loop in 0..<16 {
      #expect(dealt[loop].value.load(ordering: .relaxed) == 200 * loop * (loop + 1) / 2)
    }
  }

  @Test(arguments: 1...4) func rangesCoverTheExtent(workers: Int) {
    let team = WorkerTeam(count: workers)
    for (extent, size) in [(100, 16), (96, 16), (3, 16), (0, 16), (5, 1)] {
      let visits = (0..<max(extent, 1)).map { _ in Counter() }
      team.run { worker in
        for range in worker.ranges(extent, by: size) {
          for index in range { visits[index].value.wrappingAdd(1, ordering: .relaxed) }
        }
      }
      for index in 0..<extent { #expect(visits[index].value.load(ordering: .relaxed) == 1) }
    }
  }

  /// Each round reads what the round before wrote, in plain memory, at places that other workers wrote.
  @Test(arguments: 1...4) func barrierShowsWhatWasWritten(workers: Int) {
    let cells = 64, rounds = 1000
    let block = Block(2 * cells)
    for cell in 0..<cells { block.pointer[cell] = Float(cell) }
    WorkerTeam(count: workers).run { worker in
      for round in 0..<rounds {
        let from = block.pointer + round % 2 * cells, to = block.pointer + (round + 1) % 2 * cells
        for cell in worker.tiles(cells) { to[cell] = from[(cell + 17) % cells] + 1 }
        worker.barrier()
      }
    }
    for cell in 0..<cells {
      #expect(block.pointer[rounds % 2 * cells + cell] == Float((cell + 17 * rounds) % cells + rounds))
    }
  }

  @Test func manyTeamsComeAndGo() {
    for count in 0..<100 {
      let entered = Counter()
      let workers = count % 4 + 1
      let team = WorkerTeam(count: workers)
      if count % 3 == 0 { continue }
      team.run { worker in
        entered.value.wrappingAdd(1 + worker.index, ordering: .relaxed)
        worker.barrier()
        if worker.isFirst { entered.value.wrappingAdd(1000, ordering: .relaxed) }
      }
      #expect(entered.value.load(ordering: .relaxed) == 1000 + workers * (workers + 1) / 2)
    }
  }

  /// Denormals are flushed inside a region on every worker, the caller's own mode is put back after it.
  @Test(arguments: 1...3) func denormalsAreFlushedInEveryWorker(workers: Int) {
    let block = Block(2 * workers)
    block.pointer.update(repeating: 1e-30, count: 2 * workers)
    WorkerTeam(count: workers).run { worker in
      let cell = block.pointer + 2 * worker.index
      cell[0] *= 1e-12
      cell[1] = Float(bitPattern: 1 + UInt32(worker.index)) * 0x1p30
    }
    for cell in 0..<2 * workers { #expect(block.pointer[cell] == 0) }
    block.pointer[0] = 1e-30
    block.pointer[0] *= 1e-12
    #expect(block.pointer[0] > 0)
  }

  /// Each worker is on its own processor inside a region, the caller may run anywhere again after it.
  @Test func workersStayOnTheirProcessors() {
    let allowed = Processor.affinity
    #expect(allowed.count == Processor.affinityCount)
    let processors = Array(allowed.prefix(3)), team = WorkerTeam(count: processors.count, processors: processors)
    let found = processors.indices.map { _ in Counter() }
    for _ in 0..<3 {
      team.run { worker in
        let own = Processor.affinity
        found[worker.index].value.store(own.count == 1 ? own[0] : -1, ordering: .relaxed)
      }
      #expect(Processor.affinity == allowed)
    }
    #expect(found.map { $0.value.load(ordering: .relaxed) } == processors)
  }

  @Test func aThreadIsConfinedAndFreedAgain() {
    let allowed = Processor.affinity
    #expect(Processor.confine(to: [allowed.last!]))
    #expect(Processor.affinity == [allowed.last!])
    #expect(Processor.confine(to: allowed))
    #expect(Processor.affinity == allowed)
    // Nowhere to run is refused.
    #expect(!Processor.confine(to: []))
  }

  @Test func floatingPointModeIsRestored() {
    let block = Block(1)
    let mode = FloatingPointMode.flushToZero()
    block.pointer[0] = 1e-30
    block.pointer[0] *= 1e-12
    #expect(block.pointer[0] == 0)
    mode.restore()
    block.pointer[0] = 1e-30
    block.pointer[0] *= 1e-12
    #expect(block.pointer[0] > 0)
  }
}

/// A count that several threads add to.
private final class Counter: Sendable {
  let value = Atomic<Int>(0)
}

/// Zeroed floats at a fixed address, which workers may write without the compiler's help.
final class Block: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>

  init(_ count: Int) {
    pointer = .allocate(capacity: count)
    pointer.initialize(repeating: 0, count: count)
  }

  deinit { pointer.deallocate() }
}
