import Foundation
import Testing

/// One result for any number of ranks, seen through the program.
@Suite(.enabled(if: Program.hasMPIRun, "mpirun is not installed"))
struct RankIndependenceTests {
  @Test func `Four replicas give the same bytes on 1, 2, 4 ranks, with 1, 2 threads, in any memory, debugged`() throws {
    let run = try TinyRun()
    try run.train("plain", TinyRun.everything)
    let two = try run.train("two", TinyRun.everything + ["distributed.threads=2"], ranks: 2)
    #expect(two.output.contains(/link: \d.* [µm]?s \+ \d.*B\/s; buckets of \d.* [kM]B\n/), "\(two.output)")
    try run.train("four", TinyRun.everything, ranks: 4)
    try run.train("threads", TinyRun.everything + ["distributed.threads=2"])
    let refused = try run.train("refused", TinyRun.everything + ["run.memory_budget=1 kB"], expecting: 64)
    let smallest = try #require(refused.errors.firstMatch(of: /smallest budget that works is (\d+) bytes/)).1
    try run.train("tight", TinyRun.everything + ["run.memory_budget=\(smallest)"], ranks: 4)
    try run.train("ample", TinyRun.everything + ["run.memory_budget=unlimited"])
    let cut = try run.train("cut", TinyRun.everything + ["distributed.bucket_bytes=40000"], ranks: 2)
    #expect(!cut.output.contains("; buckets of ") && cut.output.contains(/gradients in \d\d buckets/))
    let debugged = try run.train("debug", TinyRun.everything + ["run.steps=3", "schedule.name=constant"], ["--debug"])
    try run.train("constant", TinyRun.everything + ["run.steps=3", "schedule.name=constant"], ranks: 4)
    for file in ["model.safetensors", "optimizer.safetensors"] {
      let wanted = try run.bytes("plain", file)
      for other in ["two", "four", "threads", "tight", "ample", "cut"] {
        #expect(try run.bytes(other, file) == wanted, "\(other): \(file)")
      }
      #expect(try run.bytes("debug", file) == run.bytes("constant", file), "debug mode: \(file)")
    }
    #expect(debugged.output.contains("layer1.0.conv1.conv2d [4, 16, 16, 16]: mean"), "debug mode shows a layer")
  }

  @Test(arguments: [TinyRun.everything, ["optimizer.clip_norm=0.5", "distributed.bucket_bytes=100000"]])
  func `Moments shared out over the ranks give the same bytes as an update that every rank does in full`(
    settings: [String]
  ) throws {
    let run = try TinyRun(), shared = settings + ["distributed.shard_optimizer=true"]
    try run.train("whole", settings)
    try run.train("two", shared, ranks: 2)
    try run.train("four", shared, ranks: 4)
    try run.train("broken", shared + ["run.checkpoint_every=3"], ["--steps", "3"], ranks: 4)
    try run.train("broken", shared, ["--resume", "latest"], ranks: 2)
    for file in ["model.safetensors", "optimizer.safetensors"] {
      let wanted = try run.bytes("whole", file)
      for other in ["two", "four", "broken"] { #expect(try run.bytes(other, file) == wanted, "\(other): \(file)") }
    }
  }

  @Test func `Gradients summed after the backward pass give the same bytes as those summed meanwhile`() throws {
    let run = try TinyRun(), settings = ["distributed.bucket_bytes=100000"]
    try run.train("meanwhile", settings, ranks: 2)
    try run.train("after", settings + ["distributed.overlap=false"], ranks: 2)
    #expect(try run.bytes("after") == run.bytes("meanwhile"))
  }

  @Test func `Gradients that travel as bfloat16 train as well`() throws {
    let run = try TinyRun(), settings = ["run.steps=8", "run.evaluate_every=8"]
    try run.train("full", settings, ranks: 4)
    try run.train("half", settings + ["distributed.compression=bf16"], ranks: 4)
    let full = try run.last("loss", "full"), half = try run.last("loss", "half")
    #expect(abs(full - half) < 0.02 * full, "\(full) and \(half)")
    #expect(try run.bytes("half") != run.bytes("full"), "something was rounded")
    let refused = try run.train(
      "refused", ["distributed.compression=bf16", "distributed.reduction=tree"], ranks: 2, expecting: 64)
    #expect(refused.errors.contains("distributed.compression: bf16 rounds what travels between ranks"))
  }

  @Test func `The library's own reduction trains on three ranks, and comes close to one`() throws {
    let run = try TinyRun(), settings = ["data.batch=12", "distributed.replicas=3", "distributed.reduction=fast"]
    try run.train("one", settings)
    try run.train("three", settings, ranks: 3)
    let one = try run.last("loss", "one"), three = try run.last("loss", "three")
    #expect(abs(one - three) < 1e-3 * one)
    #expect(try run.steps("three") == Array(1...6))
  }

  @Test func `An evaluation says the same on 1, 2, 3 and 4 ranks`() throws {
    let run = try TinyRun()
    try run.train("run", ["run.steps=2"])
    let command = [
      "evaluate", run.file, "data.evaluation_scenes=77", "data.evaluation_batch=8", "--checkpoint",
      run.path("run/checkpoints/latest"), "--json",
    ]
    let texts = try [nil, 2, 3, 4].map { ranks in
      let ending = try Program.run(command, ranks: ranks)
      #expect(ending.code == 0, "\(ending.errors)")
      #expect(try ending.json()["samples"] as? Int == 77)
      return ending.output.replacing(/"seconds":[^,}]*/, with: "")
    }
    #expect(Set(texts).count == 1, "\(texts)")
  }
}
