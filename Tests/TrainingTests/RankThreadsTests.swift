import Communication
import Compute
import Testing
import Training

/// The threads of a rank stay within its part of the processors, and the caller gets back what it had.
@Suite struct RankThreadsTests {
  private func places(_ team: WorkerTeam) -> [[Int]] {
    let found = Places(team.count)
    team.run { worker in found.values[worker.index] = Processor.affinity }
    return Array(found.values)
  }

  @Test func aRankOfItsOwnFillsItsMask() throws {
    let before = Processor.affinity, cores = ProcessorMask.current().processors.sorted()
    let threads = try RankThreads(over: SoloCommunicator())
    // Not where a control group grants less time than there are cores.
    if threads.placement.threads == cores.count {
      #expect(places(threads.team) == cores.prefix(threads.team.count).map { [$0] })
    }
    #expect(threads.sentence.contains("OpenBLAS \(Processor.blasKernel)"))
    threads.restore()
    #expect(Processor.affinity == before)
  }

  /// With more threads than cores nobody is pinned, and the log says so.
  @Test func tooManyThreadsTakeTurns() throws {
    let before = Processor.affinity, cores = ProcessorMask.current().processors.count
    let threads = try RankThreads(over: SoloCommunicator(), threads: cores + 1)
    defer { threads.restore() }
    #expect(places(threads.team).allSatisfy { $0 == before })
    #expect(threads.warnings.contains { $0.contains("`distributed.threads`") && $0.contains("\(cores + 1) threads") })
  }

  @Test func pinningCanBeSwitchedOff() throws {
    let before = Processor.affinity
    let threads = try RankThreads(over: SoloCommunicator(), pins: false)
    defer { threads.restore() }
    #expect(places(threads.team).allSatisfy { $0 == before })
  }

  /// Two ranks with one mask have different processors, those that they start outside a region too.
  @Test(.enabled(if: ProcessorMask.current().processors.count >= 2)) func ranksDivideTheMask() throws {
    let parts = try InProcessWorld.run(size: 2, deadline: .seconds(20)) { communicator in
      let threads = try RankThreads(over: communicator)
      defer { threads.restore() }
      return (own: Set(Processor.affinity), workers: Set(threads.team.processors ?? []))
    }
    #expect(parts[0].own.isDisjoint(with: parts[1].own))
    for part in parts { #expect(part.workers.isSubset(of: part.own)) }
  }

  private final class Places: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<[Int]>

    init(_ count: Int) {
      values = .allocate(capacity: count)
      values.initialize(repeating: [])
    }

    deinit {
      values.deinitialize()
      values.deallocate()
    }
  }
}
