import Foundation
import Testing

/// A run that was interrupted ends as one that was not: bit for bit, and line for line in its log.
@Suite(.enabled(if: Program.hasMPIRun, "mpirun is not installed"))
struct ResumeTests {
  /// 60 steps with checkpoints at 10, 20, …; an evaluation at 30 and 60.
  static let sixty = ["run.steps=60", "run.checkpoint_every=10", "run.evaluate_every=30", "data.evaluation_scenes=16"]

  @Test(arguments: [[], TinyRun.everything])
  func `Killed after step 30 and resumed, a run of 60 steps ends with the same bytes`(settings: [String]) throws {
    let run = try TinyRun(), settings = Self.sixty + settings
    try run.train("unbroken", settings, ranks: 2)
    let killed = try Program.start(run.arguments("killed", settings), ranks: 2)
    try killed.wait { run.exists("killed/checkpoints/step-000030") }
    // Somewhere in the steps that follow, perhaps while a checkpoint is being written.
    usleep(.random(in: 0..<300_000))
    for rank in try killed.ranks() { kill(rank, SIGKILL) }
    #expect(killed.end(within: 60).code != 0)
    try run.train("killed", settings, ["--resume", "latest"], ranks: 4)
    try expectSame("killed", "unbroken", in: run, steps: 60, evaluations: [30, 60])
  }

  @Test func `A run that was killed before its first checkpoint begins again in the same folder`() throws {
    let run = try TinyRun(), settings = ["run.steps=12", "run.checkpoint_every=12", "run.evaluate_every=12"]
    try run.train("unbroken", settings)
    let killed = try Program.start(run.arguments("killed", settings))
    try killed.wait { (try? run.steps("killed").isEmpty) == false }
    killed.send(SIGKILL)
    #expect(killed.end().code == 128 + SIGKILL)
    try run.train("killed", settings, ["--resume", "latest"])
    try expectSame("killed", "unbroken", in: run, steps: 12, evaluations: [12])
  }

  @Test func `A few steps of a run are done by --steps, in one process as by the ranks`() throws {
    let run = try TinyRun(), settings = ["run.steps=6", "run.checkpoint_every=2", "run.evaluate_every=6"]
    try run.train("unbroken", settings, ranks: 4)
    try run.train("parts", settings, ["--steps", "2"])
    #expect(try run.steps("parts") == [1, 2])
    try run.train("parts", settings, ["--resume", "latest", "--steps", "2", "--debug"])
    #expect(try run.bytes("parts") == run.bytes("unbroken", of: "step-000004"))
    try run.train("parts", settings, ["--resume", "latest"], ranks: 2)
    #expect(try run.bytes("parts") == run.bytes("unbroken"))
    #expect(try run.steps("parts") == Array(1...6))
  }

  @Test(arguments: [(SIGTERM, nil), (SIGUSR1, 2)] as [(Int32, Int?)])
  func `A signal saves within a step and asks to be started again`(signal: Int32, ranks: Int?) throws {
    let run = try TinyRun(), settings = ["run.steps=120", "run.checkpoint_every=120", "run.evaluate_every=60"]
    try run.train("unbroken", settings, ranks: ranks)
    let stopped = try Program.start(run.arguments("stopped", settings), ranks: ranks)
    try stopped.wait { (try? run.steps("stopped").count > 2) == true }
    let before = try run.steps("stopped").last!
    stopped.send(signal)
    let ending = stopped.end(within: 60)
    #expect(ending.code == 75, "\(ending.errors)")
    let after = try #require(try run.steps("stopped").last)
    // The step under way, and those that were done while mpirun handed the signal on.
    #expect(after < before + 40)
    #expect(run.exists("stopped/checkpoints/step-" + String(format: "%06d", after)))
    try run.train("stopped", settings, ["--resume", "latest"], ranks: ranks)
    try expectSame("stopped", "unbroken", in: run, steps: 120, evaluations: [60, 120])
  }

  @Test func `A broken checkpoint is named and the one before it taken, unless it was asked for by name`() throws {
    let run = try TinyRun(), settings = ["run.steps=4", "run.checkpoint_every=2"]
    try run.train("run", settings)
    let whole = try run.bytes("run")
    let file = run.path("run/checkpoints/step-000004/model.safetensors")
    var broken = whole
    broken[broken.count / 2] ^= 1
    try broken.write(to: URL(fileURLWithPath: file))
    let refused = try run.train("run", settings, ["--resume", run.path("run/checkpoints/step-000004")], expecting: 65)
    #expect(refused.errors.contains("\(file) has changed since it was written: its checksum is wrong"))
    let resumed = try run.train("run", settings, ["--resume", "latest"])
    #expect(resumed.output.contains("warning: a checkpoint is broken and passed over: \(file) has changed"))
    #expect(resumed.output.contains("resumed from \(run.path("run/checkpoints/step-000002"))"))
    #expect(try run.bytes("run") == whole)
  }

  private func expectSame(
    _ resumed: String, _ unbroken: String, in run: TinyRun, steps: Int, evaluations: [Int]
  ) throws {
    for file in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try run.bytes(resumed, file) == run.bytes(unbroken, file), "\(file)")
    }
    #expect(try run.steps(resumed) == Array(1...steps))
    #expect(try run.steps(resumed, phase: "evaluate") == evaluations)
    #expect(try run.evaluations(resumed) == run.evaluations(unbroken))
  }
}
