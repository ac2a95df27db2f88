import Foundation
import Testing

/// `trainer predict --explain`, seen through the program.
@Suite struct ExplainTests {
  private static let photo = "\(Pictures.repository)/Tests/Fixtures/datasets/baseline_420.jpg"

  @Test func `Each picture gets a page, and its numbers as JSON`() throws {
    let run = try TinyRun()
    try run.train("run", ["model.attention=cat", "run.steps=2", "run.explain=1"])
    #expect(run.exists("run/pictures/explanation-1.png"))
    let checkpoint = run.path("run/checkpoints/latest"), folder = run.path("pages")
    try FileManager.default.createDirectory(atPath: run.path("other"), withIntermediateDirectories: true)
    let copy = run.path("other/baseline_420.jpg")
    try FileManager.default.copyItem(atPath: Self.photo, toPath: copy)
    let arguments = ["predict", "--checkpoint", checkpoint, "--explain", "--output", folder]
    let ending = try Program.run(arguments + [Self.photo, copy])
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(ending.output.contains("drawn in \(folder)/baseline_420.png"))
    #expect(run.exists("pages/baseline_420.png") && run.exists("pages/baseline_420-2.png"))

    let report = try Program.run(arguments + ["--json", "--class", "star", Self.photo]).json()
    #expect(report["class"] as? String == "star")
    let map = try #require(report["grad_cam"] as? [[Double]])
    #expect(map.count == 4 && map.allSatisfy { $0.count == 4 && $0.allSatisfy { $0 >= 0 } })
    let modules = try #require(report["modules"] as? [[String: Any]])
    let kinds = modules.filter { $0["path"] as? String == "layer2.1.cat" }.compactMap { $0["kind"] as? String }
    #expect(kinds.sorted() == ["channel_gate", "factors", "factors", "spatial_gate", "weights"])
    let weights = try #require(modules.first { $0["kind"] as? String == "weights" }?["values"] as? [Double])
    #expect(abs(weights.reduce(0, +) - 1) < 1e-6)
    let plain = try Program.run(
      ["predict", "--checkpoint", checkpoint, "--json", "--output", run.path("plain"), Self.photo]
    ).json()
    let (a, b) = (try #require(report["logits"] as? [Double]), try #require(plain["logits"] as? [Double]))
    // One plan is fused, the other is not: the same up to rounding.
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) })
  }

  /// A network on clips of two frames: trained, explained and asked through the program.
  @Test func `As many pictures as a clip has frames are one clip`() throws {
    let run = try TinyRun()
    let model = "model.attention={name: temporal_mhsa, frames: 2, stages: [4]}"
    try run.train("run", [model, "data.frames=2", "data.training_scenes=32", "run.steps=2", "run.explain=1"])
    #expect(run.exists("run/pictures/explanation-1.png") && run.exists("run/pictures/predictions.png"))
    let start = ["predict", "--checkpoint", run.path("run/checkpoints/latest"), "--output", run.path("pages")]
    let report = try Program.run(start + ["--explain", "--json", Self.photo, Self.photo]).json()
    let frames = try #require(report["frames"] as? [[String: Any]])
    #expect(frames.count == 2 && frames.allSatisfy { ($0["grad_cam"] as? [[Double]])?.count == 4 })
    let modules = try #require(report["modules"] as? [[String: Any]])
    let map = try #require(modules.first { $0["kind"] as? String == "attention_over_time" }?["map"] as? [[Double]])
    // Alike frames attend to each other alike.
    #expect(map.count == 2 && map.joined().allSatisfy { abs($0 - 0.5) < 1e-5 }, "\(map)")
    let plain = try Program.run(start + ["--json", Self.photo, Self.photo]).json()
    let (a, b) = (try #require(report["logits"] as? [Double]), try #require(plain["logits"] as? [Double]))
    #expect(a.count == 10 && zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) })
    let three = try Program.run(start + ["--explain", Self.photo, Self.photo, Self.photo], in: run.folder)
    #expect(three.code == 64)
    #expect(
      three.errors.contains("pictures: wanted a multiple of 2, the frames of each clip in their order"),
      "\(three.errors)")
    let split = try run.train("split", [model, "data.frames=2", "data.batch=12"], expecting: 64)
    #expect(split.errors.contains("no whole clips of 2; the nearest that are is 16"), "\(split.errors)")
    let still = try run.train("still", [model], expecting: 64)
    #expect(
      still.errors.contains("model.attention: looks at clips of 2 frames, and the data are single pictures"),
      "\(still.errors)")
    let mixed = try run.train("mixed", [model, "data.frames=2", "data.mix={mixup_alpha: 0.8}"], expecting: 64)
    #expect(mixed.errors.contains("data.mix: mixes single pictures, not the clips"), "\(mixed.errors)")
  }

  @Test func `Mistakes are sentences`() throws {
    let run = try TinyRun()
    try run.train("run", ["run.steps=1"])
    let checkpoint = run.path("run/checkpoints/latest"), start = ["predict", "--checkpoint", checkpoint]
    let unknown = try Program.run(start + ["--explain", "--class", "stra", Self.photo], in: run.folder)
    #expect(unknown.code == 64)
    #expect(unknown.errors.contains("--class: no class is called 'stra'; did you mean 'star'?"), "\(unknown.errors)")
    let alone = try Program.run(start + ["--class", "star", Self.photo])
    #expect(alone.code == 64 && alone.errors.contains("--class goes with --explain"))
    try "no picture\n".write(toFile: run.path("text.jpg"), atomically: true, encoding: .utf8)
    let broken = try Program.run(start + ["--explain", run.path("text.jpg")], in: run.folder)
    #expect(broken.code == 65 && broken.errors.contains("text.jpg: is text that begins with"), "\(broken.errors)")
    let blocked = try Program.run(start + ["--explain", "--output", run.file, Self.photo])
    #expect(blocked.code == 74 && blocked.errors.contains("tiny.yaml"), "\(blocked.errors)")
    let settings = try run.train("many", ["run.explain=65"], expecting: 64)
    #expect(settings.errors.contains("run.explain: wanted"), "\(settings.errors)")
  }
}
