import Configuration
import Testing

/// Every mistake in a run file and the sentence it gets.
@Suite struct ConfigErrorTests {
  struct Mistake: CustomTestStringConvertible, Sendable {
    let yaml: String
    var overrides: [String] = []
    let sentence: String
    var testDescription: String { sentence }
  }

  static let mistakes = [
    Mistake(
      yaml: "model:\n  name: resnet50\n  attenton: cbam",
      sentence: "x.yaml:3: model.attenton: unknown key; did you mean 'attention'?"),
    Mistake(
      yaml: "model: resnet50\ndata:\n  zzz: 1",
      sentence: "x.yaml:3: data.zzz: unknown key; known: batch, mean, root"),
    Mistake(yaml: "optimiser: sgd", sentence: "x.yaml:1: optimiser: unknown key; did you mean 'optimizer'?"),
    Mistake(
      yaml: "model: a\ndata:\n  batch: abc",
      sentence: "x.yaml:3: data.batch: wanted a whole number >= 1, found 'abc'"),
    Mistake(
      yaml: "model: a\ndata:\n  batch: 0", sentence: "x.yaml:3: data.batch: wanted a whole number >= 1, found '0'"),
    Mistake(
      yaml: "model: a\ndata: {batch: \"32\"}",
      sentence: "x.yaml:2: data.batch: wanted a whole number >= 1, found the text '32'"),
    Mistake(
      yaml: "model: a\ndata: {batch: 9223372036854775808}",
      sentence: "x.yaml:2: data.batch: wanted a whole number >= 1, found '9223372036854775808'"),
    Mistake(
      yaml: "model: a\ndata: {batch: }", sentence: "x.yaml:2: data.batch: wanted a whole number >= 1, found nothing"),
    Mistake(
      yaml: "model: a\ndata: [1, 2]", sentence: "x.yaml:2: data: wanted a section, found a list of 2"),
    Mistake(
      yaml: "model: a\ndata:\n  mean: [1, 2]",
      sentence: "x.yaml:3: data.mean: wanted a list of 3 numbers, found a list of 2"),
    Mistake(
      yaml: "model: a\ndata:\n  mean: [1, 2, x]",
      sentence: "x.yaml:3: data.mean: wanted a list of 3 numbers, found a list of 3"),
    Mistake(
      yaml: "model: {attention: cbma}",
      sentence: "x.yaml:1: model.name: missing; wanted a text"),
    Mistake(
      yaml: "model: {name: a, attention: cbma}",
      sentence: "x.yaml:1: model.attention: no attention module is called 'cbma'; did you mean 'cbam'?"),
    Mistake(
      yaml: "model: a\nrun: {decay: 1.5}",
      sentence: "x.yaml:2: run.decay: wanted a number from 0 to 1, found '1.5'"),
    Mistake(
      yaml: "model: a\nrun: {decay: nan}",
      sentence: "x.yaml:2: run.decay: wanted a number from 0 to 1, found 'nan'"),
    Mistake(
      yaml: "model: a\nrun: {resume: yes}",
      sentence: "x.yaml:2: run.resume: wanted true or false, found 'yes'"),
    Mistake(
      yaml: "model: a\nrun: {evaluate_every: 1 parsec}",
      sentence:
        "x.yaml:2: run.evaluate_every: wanted a number of steps, or text such as '1 epoch' or '5 %', found '1 parsec'"
    ),
    Mistake(
      yaml: "model: a", overrides: ["data.batch=many"],
      sentence: "command line: data.batch: wanted a whole number >= 1, found 'many'"),
    Mistake(
      yaml: "model: a", overrides: ["data.batch"],
      sentence: "command line: wanted key.path=value, found 'data.batch'"),
    Mistake(
      yaml: "model: a\ndata: {mean: [1, 2, 3]}", overrides: ["data.mean.red=1"],
      sentence: "command line: data.mean: wanted a section to set 'red' in, found a list of 3"),
    Mistake(
      yaml: "model: a", overrides: ["modle.name=b"],
      sentence: "command line: modle: unknown key; did you mean 'model'?"),
    Mistake(
      yaml: "model: a\nmodel: b", sentence: "x.yaml:1: not a run file: key 'model' occurs twice"),
    Mistake(
      yaml: "model: &m a\ndata: *m",
      sentence: "x.yaml:1: not a run file: anchors (&name) and aliases (*name) are not used here"),
    Mistake(
      yaml: "just text", sentence: "x.yaml:1: not a run file: wanted sections such as 'model:', found 'just text'"),
  ]

  @Test(arguments: mistakes)
  func sentence(_ mistake: Mistake) {
    do {
      try Self.read(mistake.yaml, mistake.overrides)
      Issue.record("accepted")
    } catch {
      #expect("\(error)" == mistake.sentence)
    }
  }

  @Test func aMissingFileIsNamed() {
    do {
      _ = try RunFile(contentsOf: "nowhere/x.yaml")
      Issue.record("accepted")
    } catch {
      #expect(error.description == "nowhere/x.yaml: cannot be read: no such file")
    }
  }

  /// What a program would read.
  static func read(_ yaml: String, _ overrides: [String] = []) throws {
    let file = try RunFile(text: yaml, file: "x.yaml", overrides: overrides)
    let model = try file.section("model")
    _ = try model.string("name")
    _ = try model.choice("attention", among: ["none", "cbam", "eca"], default: "none", kind: "attention module")
    let data = try file.section("data")
    _ = try data.int("batch", default: 128, in: 1...)
    _ = try data.floats("mean", default: [0, 0, 0], count: 3)
    _ = try data.path("root", default: "data")
    let run = try file.section("run")
    _ = try run.interval("evaluate_every", default: .epochs(1))
    _ = try run.float("decay", default: 0.9, in: 0...1)
    _ = try run.bool("resume", default: false)
    try file.finish()
  }
}
