import Foundation
import Safetensors
import Testing

/// `trainer compare` as a user meets it: trains what is not trained, prints what the runs found, goes on.
@Suite struct CompareTests {
  private func compare(
    _ tiny: TinyRun, _ settings: [String] = [], modules: String = "none,cat", options: [String] = ["--seeds", "2"],
    ranks: Int? = nil
  ) throws -> Program.Ending {
    try Program.run(
      ["compare", tiny.file] + settings + ["--attention", modules, "--output", tiny.path("compared")] + options,
      ranks: ranks, seconds: 300)
  }

  @Test func modulesAreTrainedAlikeAndOnce() throws {
    let tiny = try TinyRun()
    // A run that somebody broke off in its middle, and one as `train` alone makes it.
    try FileManager.default.createDirectory(atPath: tiny.path("compared"), withIntermediateDirectories: true)
    try tiny.train("compared/cat-seed1", ["model.attention=cat", "run.seed=1"], ["--steps", "3"])
    try tiny.train("alone", ["model.attention=cat", "run.seed=1"])

    let ending = try compare(tiny, options: ["--seeds", "2", "--json"], ranks: Program.hasMPIRun ? 2 : nil)
    #expect(ending.code == 0, "\(ending.errors)")
    let rows = try #require(try ending.json()["rows"] as? [[String: Any]])
    #expect(rows.map { $0["variant"] as? String } == ["none", "cat"])
    #expect(try tiny.bytes("compared/cat-seed1") == tiny.bytes("alone"))
    // The data of one run for all: what is kept of each run is still its whole run file.
    let kept = try ["compared/cat-seed1", "alone"].map {
      try String(contentsOfFile: tiny.path($0) + "/run.yaml", encoding: .utf8)
    }
    #expect(kept[0] == kept[1] && kept[0].contains("training_scenes: 64"), "\(kept[0])")
    let found = try [0, 1].map { try tiny.last("top1", "compared/cat-seed\($0)", phase: "evaluate") }
    #expect(rows[1]["values"] as? [Double] == found)
    // The log stands beside the object: for each run a line at its beginning, its progress, a line at its end.
    let log = ending.errors.split(separator: "\n").filter { !$0.hasPrefix("warning: ") }
    let own = log.filter { !$0.hasPrefix("epoch ") }.map { $0.prefix { $0 != ":" && $0 != "," } }
    let starts = (1...4).map { "run \($0) of 4" }, ends = ["none", "cat", "none", "cat"]
    #expect(own == zip(starts, ends).flatMap { [$0[...], $1[...]] }, "\(ending.errors)")
    #expect(log.contains { $0.hasPrefix("epoch ") && $0.contains("step 6/6") }, "\(ending.errors)")
    #expect(rows[1]["mean"] as? Double == (found[0] + found[1]) / 2)
    let factors = try #require(rows[1]["factors"] as? [String: [Double]])
    // ResNet-20 has nine blocks; each CAT has eight factors, by the depth of their blocks.
    #expect(factors.count == 8 && factors.values.allSatisfy { $0.count == 9 })
    let weights = try [0, 1].map {
      try SafetensorsFile(path: tiny.path("compared/cat-seed\($0)/checkpoints/latest/model.safetensors"))
    }
    let last = try weights.map { Double(try $0.floats("layer3.2.cat.c_alpha")[0]) }
    let mean = try #require(factors["c_alpha"]?.last)
    #expect(abs(mean - (last[0] + last[1]) / 2) < 1e-12 && last[0] != 0, "\(mean) of \(last)")
    for file in ["txt", "md", "json", "png"] { #expect(tiny.exists("compared/comparison.\(file)")) }

    let before = try tiny.bytes("compared/none-seed0")
    let again = try compare(tiny)
    #expect(again.code == 0 && !again.output.contains("run 1 of"), "\(again.output)")
    #expect(again.output.contains("2 of 2") && again.output.contains("cat c_alpha"), "\(again.output)")
    #expect(try tiny.bytes("compared/none-seed0") == before)

    // Another run file in the same folder would mix two experiments.
    let other = try compare(tiny, ["optimizer.learning_rate=0.1"])
    #expect(other.code == 64)
    #expect(other.errors.contains("optimizer.learning_rate is 0.1, it was 0.05"), "\(other.errors)")
  }

  @Test func modulesThatDivergeAreARow() throws {
    let tiny = try TinyRun()
    let ending = try compare(
      tiny, ["optimizer.learning_rate=1e30", "schedule={name: constant}"], modules: "none,se", options: [])
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(ending.output.contains("none, seed 0: came to nothing"), "\(ending.output)")
    #expect(ending.output.contains("failed"), "\(ending.output)")
  }

  @Test(
    arguments: [
      (["--attention", "none,ecb"], "model.attention.name: no attention module is called 'ecb'; did you mean 'eca'?"),
      (["--attention", "se,{name: se, reductoin: 8}"], "model.attention.reductoin"),
      (["--attention", "se", "--seeds", "0"], "--seeds: wanted a whole number from 1 to 1000, found 0"),
    ])
  func mistakesAreSentencesBeforeAnythingIsTrained(options: [String], sentence: String) throws {
    let tiny = try TinyRun()
    let ending = try Program.run(["compare", tiny.file, "--output", tiny.path("compared")] + options)
    #expect(ending.code == 64)
    #expect(ending.errors.contains(sentence), "\(ending.errors)")
    #expect(!tiny.exists("compared"))
  }
}
