import Foundation
import Testing

/// `trainer replay`, seen through the program: the capsule of a job, run again by one process.
@Suite struct ReplayTests {
  private static let ranks: [Int?] = Program.hasMPIRun ? [nil, 4] : [nil]

  @Test func `A step of four ranks replays to the recorded bits, with everything that draws numbers`() throws {
    for ranks in Self.ranks {
      let run = try TinyRun()
      try run.train("run", TinyRun.everything + ["run.capture_step=5"], ranks: ranks)
      let capsule = run.path("run/capsules/step-000005")
      let ending = try Program.run(["replay", capsule + "/", "--json"])
      #expect(ending.code == 0, "\(ending.errors)\(ending.output)")
      let report = try ending.json()
      #expect(report["loss"] as? Double == report["recorded_loss"] as? Double)
      #expect(try run.losses("run")[4] == report["loss"] as? Double, "what the run has logged")
      #expect(report["gradients_are_as_recorded"] as? Bool == true && report["is_finite"] as? Bool == true)
      #expect(report["ranks"] as? Int == ranks ?? 1)
      #expect((report["steps"] as? [[String: Any]])?.compactMap { $0["step"] as? Int } == [1, 2, 3, 4, 5])
      let text = try Program.run(["replay", capsule])
      #expect(text.output.contains("as recorded, every value finite; largest |value| "), "\(text.output)")
    }
  }

  @Test func `What explodes is named as the debug mode names it`() throws {
    let run = try TinyRun(), settings = ["optimizer.learning_rate=1e30", "schedule.name=constant"]
    let debugged = try run.train("debug", settings, ["--debug"], expecting: 1)
    let sentence = /step 2: (\S+) gave (\S+) in the forward pass of replica 0/
    let named = try #require(debugged.errors.firstMatch(of: sentence))
    for ranks in Self.ranks {
      let output = "ranks\(ranks ?? 1)"
      try run.train(output, settings, ranks: ranks, expecting: 1)
      let ending = try Program.run(["replay", run.path("\(output)/capsules/step-000002"), "--json"])
      #expect(ending.code == 1, "\(ending.errors)")
      let report = try ending.json(), bad = try #require(report["bad_node"] as? [String: Any])
      #expect(bad["path"] as? String == String(named.1) && bad["value"] as? String == String(named.2))
      #expect(bad["replica"] as? Int == 0 && bad["pass"] as? String == "forward")
      #expect(report["is_as_recorded"] as? Bool == true && report["reason"] as? String == "not_finite")
      let before = try #require((report["nodes_before"] as? [[String: Any]])?.last)
      #expect(before["largest"] as? Double ?? 0 > 1e20, "the growth is shown: \(before)")
    }
  }

  @Test func `A capsule that was changed is refused, and so are several ranks`() throws {
    let run = try TinyRun()
    try run.train("run", ["run.capture_step=1", "run.steps=1"])
    let capsule = run.path("run/capsules/step-000001"), file = capsule + "/replica-002.safetensors"
    if Program.hasMPIRun {
      let ending = try Program.run(["replay", capsule], ranks: 2)
      #expect(ending.code == 64)
      #expect(ending.errors.contains("`trainer replay` runs all replicas in one process, found 2 ranks"))
    }
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: file))
    let flipped = try Program.run(["replay", capsule])
    #expect(flipped.code == 65 && flipped.errors.contains("\(file) has changed since it was written"))
    bytes.removeLast()
    try bytes.write(to: URL(fileURLWithPath: file))
    let cut = try Program.run(["replay", capsule])
    #expect(cut.code == 65 && cut.errors.contains("\(file) has \(bytes.count) bytes, \(bytes.count + 1) were written"))
    let none = try Program.run(["replay", run.folder])
    #expect(none.code == 65 && none.errors.contains("is no capsule of a step: it has no readable capsule.json"))
  }
}
