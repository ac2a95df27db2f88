import Foundation
import Testing

/// Thousands of steps with ranks that stop and go at random.
@Suite(
  .enabled(if: LongTests.areWanted, "TRAINER_LONG_TESTS=1 asks for tests that take minutes"),
  .enabled(if: Program.hasMPIRun, "mpirun is not installed"), .serialized)
struct LongSoakTests {
  @Test func `Five thousand steps with random delays neither hang nor leak, and learn`() throws {
    let run = try TinyRun(), steps = 5000
    let settings = [
      "model={name: resnet20, attention: se}", "data.augment=[{name: crop, padding: 2}, flip]", "run.steps=\(steps)",
      "run.evaluate_every=1000", "run.checkpoint_every=1000", "run.log_every=50", "distributed.bucket_bytes=100000",
      "optimizer.learning_rate=0.02",
    ]
    let job = try Program.start(run.arguments("soak", settings), ranks: 4)
    try job.wait(within: 60) { (try? run.steps("soak").count >= 1) == true }
    let ranks = try job.ranks()
    var early: [Int] = [], late: [Int] = []
    try job.wait(within: 900) {
      // A rank stands still for as long as a slow disk, a busy neighbour or a lost packet might hold it.
      let rank = ranks.randomElement()!
      kill(rank, SIGSTOP)
      usleep(.random(in: 1000..<60_000))
      kill(rank, SIGCONT)
      usleep(.random(in: 0..<60_000))
      let done = (try? run.steps("soak").last) ?? 0
      if early.isEmpty && done >= 1500 { early = ranks.map(residentBytes) }
      if done >= 4800 { late = ranks.map(residentBytes) }
      return done >= 4850
    }
    let ending = job.end(within: 200)
    #expect(ending.code == 0, "\(ending.errors)")
    for (before, after) in zip(early, late) {
      #expect(Double(after) < 1.02 * Double(before), "resident set from \(before) to \(after) bytes")
    }
    let losses = try run.losses("soak")
    let first = losses.prefix(10).reduce(0, +), last = losses.suffix(10).reduce(0, +)
    #expect(last < 0.8 * first, "\(losses)")
  }

  private func residentBytes(_ process: Int32) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }
}
