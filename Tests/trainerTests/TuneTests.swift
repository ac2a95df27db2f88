import Foundation
import Testing

/// `run.tune`: measured once, the same for every rank, and kept with what it decides.
@Suite struct TuneTests {
  private func choices(_ tiny: TinyRun, _ output: String) throws -> [String: Bool] {
    let state = try JSONSerialization.jsonObject(with: tiny.bytes(output, "state.json")) as? [String: Any]
    let info = try #require(state?["state"] as? [String: Any])
    return try #require((info["convolutions"] as? [String: Any])?["winograd"] as? [String: Bool])
  }

  @Test func `What was measured is in the checkpoint, and a resume goes on with it`() throws {
    let tiny = try TinyRun(), tune = ["run.tune=true", "data.image_size=32"]
    let begun = try tiny.train("begun", tune, ["--steps", "3"], ranks: Program.hasMPIRun ? 2 : nil)
    let found = try choices(tiny, "begun")
    // ResNet-20: 3x3 filters with stride 1 on maps of 32, 16 and 8 pixels, and its stem.
    #expect(found.count == 4, "\(found)")
    #expect(begun.output.contains("of 4 shapes by Winograd's method"), "\(begun.output)")

    try FileManager.default.copyItem(atPath: tiny.path("begun"), toPath: tiny.path("again"))
    try tiny.train("begun", tune, ["--resume", "latest"])
    let again = try tiny.train("again", tune, ["--resume", "latest"], ranks: Program.hasMPIRun ? 2 : nil)
    #expect(try choices(tiny, "begun") == found && choices(tiny, "again") == found)
    #expect(try tiny.bytes("begun") == tiny.bytes("again"))
    #expect(!again.output.contains("not what an unbroken run gives"), "\(again.output)")
  }

  @Test func `A captured step replays with the measured methods`() throws {
    let tiny = try TinyRun()
    try tiny.train("run", ["run.tune=true", "run.capture_step=2"], ["--steps", "2"])
    let replay = try Program.run(["replay", tiny.path("run/capsules/step-000002")])
    #expect(replay.code == 0, "\(replay.errors)\(replay.output)")
  }
}
