import Foundation
import Testing

/// A rank is killed at random moments of each phase; the others end, say which one it was, and nothing is lost.
@Suite(
  .enabled(if: LongTests.areWanted, "TRAINER_LONG_TESTS=1 asks for tests that take minutes"),
  .enabled(if: Program.hasMPIRun, "mpirun is not installed"), .serialized)
struct LongKillTests {
  struct Phase: CustomTestStringConvertible, Sendable {
    let name: String
    /// What makes most of the run's time this phase.
    let settings: [String]
    /// Whose rank is killed; any where it is nil.
    var rank: Int?
    var testDescription: String { name }
  }

  static let phases = [
    Phase(name: "forward and backward", settings: ["data.batch=64"]),
    Phase(
      name: "reduction", settings: ["distributed.bucket_bytes=2000", "distributed.overlap=false"]),
    Phase(
      name: "evaluation", settings: ["run.evaluate_every=1", "data.evaluation_scenes=400"]),
    Phase(
      name: "checkpoint", settings: ["run.checkpoint_every=1", "run.evaluate_every=1000"], rank: 0),
  ]

  @Test(arguments: phases, 1...5)
  func `The others end within ten seconds, name the rank, and a restart ends as an unbroken run`(
    phase: Phase, round: Int
  ) throws {
    let run = try TinyRun()
    let settings = ["run.steps=200", "run.checkpoint_every=10", "run.evaluate_every=30"] + phase.settings
    try run.train("unbroken", settings, ranks: 4)
    let job = try Program.start(run.arguments("killed", settings), ranks: 4)
    try job.wait { run.exists("killed/checkpoints/latest") }
    usleep(.random(in: 0..<400_000))
    let victim = phase.rank ?? .random(in: 0..<4), ranks = try job.ranks()
    try #require(ranks.count == 4)
    kill(ranks[victim], SIGKILL)
    let start = Date(), ending = job.end(within: 30)
    if ending.code == 0 { return }  // It had come to its end.
    #expect(Date().timeIntervalSince(start) < 10)
    let sentence = try #require(ending.errors.split(separator: "\n").first { $0.hasPrefix("error: ") }, "\(ending.errors)")
    #expect(sentence.hasPrefix("error: rank \(victim) ("), "\(ending.errors)")
    #expect(sentence.contains("ended without a word"))
    #expect(sentence.contains(", in "), "\(sentence)")
    #expect(ending.errors.split(separator: "\n").count { $0.hasPrefix("error: ") } == 1, "said once: \(ending.errors)")
    try run.train("killed", settings, ["--resume", "latest"], ranks: [1, 2, 4].randomElement()!)
    for file in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try run.bytes("killed", file) == run.bytes("unbroken", file), "\(file)")
    }
  }
}
