import Configuration
import Testing

@Suite struct ConfigSectionTests {
  private let section = ConfigSection(
    [
      "batch": 32, "rate": 0.1, "nesterov": true, "name": "cbam", "mean": [0.5, 1], "stages": [3, 4, 6],
      "crops": ["random", "centre"], "attention": "eca", "nothing": nil, "gate": ["name": "se", "reduction": 8],
    ], path: "model")

  @Test func readsEveryType() throws {
    #expect(try section.int("batch") == 32)
    #expect(try section.int("batch", in: 1...) == 32)
    #expect(try section.float("rate") == 0.1)
    #expect(try section.float("batch") == 32)
    #expect(try section.bool("nesterov"))
    #expect(try section.string("name") == "cbam")
    #expect(try section.floats("mean", count: 2) == [0.5, 1])
    #expect(try section.ints("stages") == [3, 4, 6])
    #expect(try section.strings("crops") == ["random", "centre"])
    #expect(try section.section("gate").int("reduction") == 8)
    #expect(try section.section("attention").string("name") == "eca")
    #expect(try section.choice("name", among: ["se", "cbam"]) == "cbam")
  }

  @Test func takesDefaultsOnlyWhereNothingIsWritten() throws {
    #expect(try section.int("steps", default: 7, in: 1...) == 7)
    #expect(try section.int("batch", default: 7) == 32)
    #expect(try section.optionalInt("steps") == nil)
    #expect(try section.optionalInt("batch") == 32)
    #expect(try section.optionalFloat("nothing") == nil)
    #expect(try section.optionalSection("nothing") == nil)
    #expect(try section.interval("warmup", default: .epochs(5)) == .epochs(5))
    #expect(!section.contains("nothing"))
    #expect(section.contains("batch"))
  }

  @Test func finishNamesTheFirstUnreadKey() throws {
    let section = ConfigSection(["name": "cbam", "inner": ["reducton": 8]], path: "attention")
    _ = try section.string("name")
    #expect(throws: ConfigError.self) { try section.finish() }
    _ = try section.section("inner").int("reduction", default: 16)
    do {
      try section.finish()
      Issue.record("an unknown key was accepted")
    } catch {
      #expect(error.description == "attention.inner.reducton: unknown key; did you mean 'reduction'?")
    }
  }

  @Test func listsOfSectionsKnowTheirIndex() throws {
    let section = ConfigSection(["augment": ["flip", ["name": "crop", "padding": "four"]]], path: "data")
    let items = try section.sections("augment")
    #expect(try items.map { try $0.string("name") } == ["flip", "crop"])
    do {
      _ = try items[1].int("padding")
      Issue.record("text was accepted as a number")
    } catch {
      #expect(error.description == "data.augment[1].padding: wanted a whole number, found the text 'four'")
    }
  }

  @Test func tellsWhatItsReadersTake() throws {
    enum Reduction: String, CaseIterable { case deterministic, fast }
    let section = ConfigSection(["batch": 64])
    _ = try section.int("batch", default: 32, in: 1...)
    _ = try section.choice("reduction", default: Reduction.fast)
    _ = try section.choices("both", among: Reduction.self, default: [])
    _ = try section.choice("name", among: ["se", "cbam"], default: "se")
    _ = try section.optionalFloat("scale")
    _ = try section.string("kernels", default: "auto")
    section.describe("kernels", "auto or a list")
    _ = try section.optionalSection("attention")
    let lines = section.options.map { "\($0.key): \($0.value) (\($0.wanted))" }
    #expect(
      lines == [
        "batch: 64 (a whole number >= 1)", "both: [] (a list of deterministic, fast)", "kernels: auto (auto or a list)",
        "name: se (cbam, se)", "reduction: fast (deterministic, fast)", "scale: null (a number)",
      ])
  }

  @Test func enumerationsAreReadByRawValue() throws {
    enum Reduction: String, CaseIterable { case deterministic, fast }
    let section = ConfigSection(["reduction": "fast", "other": "fats"])
    let reduction: Reduction = try section.choice("reduction")
    #expect(reduction == .fast)
    #expect(try section.choice("absent", default: Reduction.deterministic) == .deterministic)
    #expect(throws: ConfigError.self) { _ = try section.choice("other", among: Reduction.self) }
    #expect(try ConfigSection(["r": ["fast", "fast"]]).choices("r", among: Reduction.self) == [.fast, .fast])
    #expect(try section.choices("none", among: Reduction.self, default: [.fast]) == [.fast])
    #expect(throws: ConfigError.self) { _ = try ConfigSection(["k": [3, 0]]).ints("k", in: 1...) }
  }
}
