import Foundation
import Testing

/// Ranks on hosts of their own, with a network between them that can be cut.
@Suite(.enabled(if: NetworkHosts.reason == nil, "\(NetworkHosts.reason ?? "")"), .serialized)
struct SeveralHostsTests {
  private static let endless = ["run.steps=100000", "run.evaluate_every=100000", "distributed.timeout=5"]

  @Test(arguments: [2, 4])
  func `Four replicas give the same bytes on several hosts as in one process`(count: Int) throws {
    let run = try TinyRun(), hosts = try NetworkHosts(count)
    try run.train("plain", TinyRun.everything)
    let ending = try run.train("hosts", TinyRun.everything, ranks: 4, on: hosts)
    #expect(try run.bytes("hosts") == run.bytes("plain"))
    #expect(ending.output.contains("rank 0 (h1):"), "the log names the hosts: \(ending.output)")
  }

  @Test func `A job that loses a host starts again without it, and ends as an unbroken one`() throws {
    let run = try TinyRun(), hosts = try NetworkHosts(2)
    let settings = ["run.steps=400", "run.checkpoint_every=20", "run.evaluate_every=400"]
    try run.train("unbroken", settings)
    try "h1 slots=2\n# the second\nh2 slots=2\n".write(toFile: run.path("hosts"), atomically: true, encoding: .utf8)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../launch/train")
    let command = hosts.onFirstHost(
      [script.standardized.path, "--hostfile", run.path("hosts"), "--restarts", "1"]
        + run.arguments("run", settings).dropFirst())
    let job = try Program.start(command: command)
    try job.wait { run.exists("run/checkpoints/step-000040") }
    try hosts.lose(2)
    kill(try #require(run.process("run", rank: 3)), SIGKILL)
    let ending = job.end(within: 90)
    #expect(ending.code == 0, "\(ending.errors)\n\(ending.output)")
    #expect(ending.errors.contains("launch/train: h2 does not answer: it is left out"), "\(ending.errors)")
    #expect(ending.output.contains("2 ranks x 1 thread, 4 replicas"), "\(ending.output)")
    #expect(try run.bytes("run") == run.bytes("unbroken"))
  }

  @Test(arguments: ["cut", "stalled"])
  func `A link that is cut or stalled is told with rank and collective before the deadline ends the job`(
    how: String
  ) throws {
    let run = try TinyRun(), hosts = try NetworkHosts(2)
    let job = try Program.start(run.arguments("run", Self.endless), ranks: 4, on: hosts)
    try job.wait { (try? run.steps("run").count > 3) == true }
    if how == "cut" { try hosts.cut(2) } else { try hosts.choke(2) }
    let start = Date(), ending = job.end(within: 40), seconds = Date().timeIntervalSince(start)
    #expect(ending.code != 0 && seconds < 5 + 10, "ended after \(seconds) s with code \(ending.code)")
    let lines = ending.errors.split(separator: "\n")
    let warning = try #require(
      lines.firstIndex { $0.contains(/warning: `.+` has lasted .*rank [23] \(h2\) silent for .*; the job ends when/) },
      "\(ending.errors)")
    let error = try #require(lines.firstIndex { $0.hasPrefix("error: ") }, "\(ending.errors)")
    #expect(warning < error)
    #expect(lines[error].contains(/error: rank \d \(h\d\), step \d+, in .+: waited 5.0 s for rank \d/), "\(lines[error])")
    for _ in 0..<100 where !run.processes("run").isEmpty { usleep(100_000) }
    #expect(run.processes("run").isEmpty, "also the host that nobody reaches has ended its ranks")
  }
}
