import Configuration
import Testing

@Suite struct RunFileTests {
  private let yaml = """
    # A comment, with *an asterisk and &an ampersand.
    run: {epochs: 30, evaluate_every: 1 epoch}
    model:
      name: resnet20
      attention: cbam
    data:
      root: "50"      # text, although it looks like a number
      batch: 128
    """

  private func resolve(_ yaml: String, _ overrides: [String] = []) throws -> String {
    let file = try RunFile(text: yaml, overrides: overrides)
    let model = try file.section("model")
    _ = try model.string("name")
    let attention = try model.section("attention")
    _ = try attention.string("name")
    _ = try attention.int("reduction", default: 16)
    let data = try file.section("data")
    _ = try data.string("root")
    _ = try data.int("batch", default: 32)
    _ = try data.floats("mean", default: [0.5, 1, 1e-7])
    let run = try file.section("run")
    _ = try run.interval("evaluate_every", default: .steps(1))
    _ = try run.optionalInt("steps")
    _ = try run.string("note", default: "a: b # \"c\"\n")
    return file.resolvedYAML()
  }

  @Test func resolvedFileHoldsDefaultsInFixedOrder() throws {
    #expect(
      try resolve(yaml) == """
        model:
          name: resnet20
          attention:
            name: cbam
            reduction: 16

        data:
          batch: 128
          mean: [0.5, 1, 1e-07]
          root: "50"

        run:
          epochs: 30
          evaluate_every: 1 epoch
          note: "a: b # \\"c\\"\\n"
          steps: null

        """)
  }

  @Test func resolvingTwiceChangesNothing() throws {
    let once = try resolve(yaml)
    #expect(try resolve(once) == once)
  }

  @Test func overridesWinAndReachIntoShortNames() throws {
    let text = try resolve(
      yaml, ["model.attention.reduction=8", "data.batch=64", "data.mean=[1, 2, 3]", "run.note=", "run.note=later"])
    #expect(text.contains("name: cbam\n    reduction: 8\n"))
    #expect(text.contains("batch: 64\n  mean: [1, 2, 3]\n"))
    #expect(text.contains("note: later\n"))
    let eca = try resolve(yaml, ["model.attention.reduction=8", "model.attention=eca"])
    #expect(eca.contains("name: eca\n    reduction: 16\n"))
  }

  @Test(arguments: [
    "plain", "true", "null", "", " lead", "trail ", "5", "1e3", "-", "- x", "a: b", "a #b", "#", "'", "\"", "\\", "é",
    "yes",
    "...", "---", "[", "{a}", "\u{7f}", "\u{1}", "\u{2028}", "line\nline", "!tag", "|", "x:", "~", "a\tb", "%", "@",
  ])
  func everyTextSurvivesWritingAndReading(_ text: String) throws {
    let section = ConfigSection(["text": .string(text)])
    let file = try RunFile(text: "run: {}")
    _ = try file.section("run").string("text", default: try section.string("text"))
    let again = try RunFile(text: file.resolvedYAML())
    #expect(try again.section("run").string("text") == text)
  }

  @Test func anEmptyFileIsAllDefaults() throws {
    for text in ["", "\n\n", "# nothing", "---\n"] {
      let file = try RunFile(text: text)
      #expect(try file.section("run").int("epochs", default: 3) == 3)
      try file.finish()
    }
  }
}
