import Foundation
import Testing

/// When one rank fails, the job ends at once.
@Suite(.enabled(if: Program.hasMPIRun, "mpirun is not installed"))
struct FailingRankTests {
  @Test func `Killing one rank of four in mid-training ends the job within seconds`() throws {
    let run = try TinyRun()
    let job = try Program.start(run.arguments("run", ["run.steps=100000", "run.evaluate_every=100000"]), ranks: 4)
    try job.wait { (try? run.steps("run").count > 3) == true }
    let ranks = try job.ranks()
    try #require(ranks.count == 4)
    kill(ranks[2], SIGKILL)
    let start = Date(), ending = job.end(within: 20)
    #expect(ending.code != 0 && Date().timeIntervalSince(start) < 10, "\(ending)")
    func isThere(_ rank: Int32) -> Bool {
      // One that has ended may wait for a process to take notice of it.
      let state = try? String(contentsOfFile: "/proc/\(rank)/stat", encoding: .utf8)
      return state != nil && !state!.contains(") Z ")
    }
    for _ in 0..<50 where ranks.contains(where: isThere) { usleep(100_000) }
    #expect(!ranks.contains(where: isThere), "a process is still there")
  }

  @Test func `A rank that a fault ends says where it was, once, and takes the others along`() throws {
    let run = try TinyRun()
    let job = try Program.start(run.arguments("run", ["run.steps=100000", "run.evaluate_every=100000"]), ranks: 4)
    try job.wait { (try? run.steps("run").count > 3) == true }
    kill(try job.ranks()[2], SIGSEGV)
    let ending = job.end(within: 20)
    #expect(ending.code != 0)
    let sentences = ending.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(sentences.count == 1, "\(ending.errors)")
    let wanted = /error: rank 2 \(.+\), step \d+, in .+: signal 11 \(an address that is not its own\)/
    #expect(sentences.first?.contains(wanted) == true, "\(ending.errors)")
  }

  @Test func `A rank that stands still is found out by the deadline`() throws {
    let run = try TinyRun()
    let settings = ["run.steps=100000", "run.evaluate_every=100000", "distributed.timeout=2"]
    let job = try Program.start(run.arguments("run", settings), ranks: 2)
    try job.wait { (try? run.steps("run").count > 3) == true }
    kill(try job.ranks()[1], SIGSTOP)
    let ending = job.end(within: 30)
    #expect(ending.code == 1)
    let sentence = ending.errors.split(separator: "\n").first { $0.hasPrefix("error: ") } ?? ""
    #expect(
      sentence.contains(/error: rank 0 \(.+\), step \d+, in .+ rank 1 \(.+\) silent for/), "\(ending.errors)")
  }

  @Test func `A rank's own error ends the job with rank, host, step and cause`() throws {
    let run = try TinyRun()
    // One of eight pictures cannot be read: some rank meets it before the others know.
    try Pictures.folder(run.path("pictures"), broken: 1)
    let ending = try run.train(
      "run", Pictures.settings(run.path("pictures")) + ["data.max_broken=0", "run.steps=20"], ranks: 2, expecting: 65)
    let sentences = ending.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(sentences.count == 1, "\(ending.errors)")
    let wanted = /error: rank [01] \(.+\), step \d+: 1 broken samples, 0 are allowed .*: .*train\/b\/broken0.jpg/
    #expect(sentences.first?.contains(wanted) == true, "\(ending.errors)")
  }
}
