import Foundation
import Testing

@Suite struct BuiltInRunTests {
  @Test func `The run without arguments is configs/quickstart.yaml, letter by letter`() throws {
    let source = try String(
      contentsOfFile: Pictures.repository + "/Sources/trainer/BuiltInRun.swift", encoding: .utf8)
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasSuffix("\"\"\"") })
    let end = try #require(lines.lastIndex { $0.hasSuffix("\"\"\"") })
    let indent = lines[end].prefix { $0 == " " }.count
    let text = lines[start + 1..<end].map { $0.dropFirst(indent) }.joined(separator: "\n")
    #expect(text == (try String(contentsOfFile: Pictures.repository + "/configs/quickstart.yaml", encoding: .utf8)))
  }

  @Test func `It runs from any folder`() throws {
    let run = try TinyRun()
    let settings = ["run.steps=1", "data.training_scenes=64", "data.evaluation_scenes=16"]
    let ending = try Program.run(settings, in: run.folder)
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(run.exists("runs/quickstart/checkpoints/latest/model.safetensors"))
    #expect(run.exists("runs/quickstart/pictures/predictions.png"))
  }
}
