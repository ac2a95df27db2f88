import Configuration
import Testing

/// Where two run files differ.
@Suite struct RunFileDifferencesTests {
  private func differences(_ now: String, _ then: String) throws -> [String] {
    try RunFile(text: now).differences(from: RunFile(text: then)).map(\.description)
  }

  @Test func valuesAreComparedByTheirPaths() throws {
    let then = "{model: {name: resnet20}, run: {epochs: 3, seed: 0}, data: {augment: [flip, {name: crop, padding: 4}]}}"
    #expect(try differences(then, then).isEmpty)
    let now = "{model: {name: resnet32}, run: {epochs: 3.0, seed: 0}, data: {augment: [flip]}}"
    #expect(
      try differences(now, then) == [
        "data.augment is [flip], it was [flip, {name: crop, padding: 4}]", "model.name is resnet32, it was resnet20",
        "run.epochs is 3.0, it was 3",
      ])
  }

  /// What only one program knew says nothing; what was switched on does.
  @Test func keysOfOneFileAlone() throws {
    #expect(try differences("{run: {epochs: 3, new: 1}}", "{run: {epochs: 3, old: 2}}").isEmpty)
    #expect(
      try differences("{model: {attention: {name: se}}}", "{model: {attention: null}}") == [
        "model.attention.name is se, it was nothing"
      ])
  }
}
