import Foundation
import Testing

/// A request to stop at random moments of each phase.
@Suite(
  .enabled(if: LongTests.areWanted, "TRAINER_LONG_TESTS=1 asks for tests that take minutes"),
  .enabled(if: Program.hasMPIRun, "mpirun is not installed"), .serialized)
struct LongSignalTests {
  @Test(arguments: LongKillTests.phases, [SIGUSR1, SIGTERM])
  func `A signal in any phase saves, ends with 75 and loses nothing`(phase: LongKillTests.Phase, signal: Int32) throws {
    let run = try TinyRun()
    let settings = ["run.steps=200", "run.checkpoint_every=40", "run.evaluate_every=40"] + phase.settings
    // mpirun hands SIGUSR1 on; at SIGTERM it kills, which is why `launch/train` makes the one of the other.
    let ranks = signal == SIGUSR1 ? 4 : nil
    try run.train("unbroken", settings, ranks: ranks)
    let job = try Program.start(run.arguments("stopped", settings), ranks: ranks)
    try job.wait { (try? run.steps("stopped").count > 3) == true }
    usleep(.random(in: 0..<500_000))
    job.send(signal)
    let start = Date(), ending = job.end(within: 30)
    #expect(ending.code == 75 || ending.code == 0, "\(ending.errors)")
    #expect(Date().timeIntervalSince(start) < 5)
    try run.train("stopped", settings, ["--resume", "latest"], ranks: 2)
    for file in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try run.bytes("stopped", file) == run.bytes("unbroken", file), "\(file)")
    }
    #expect(try run.steps("stopped") == Array(1...200))
  }
}
