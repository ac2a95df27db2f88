import Attention
import Configuration
import Graphs
import Layers
import Models

/// A network of the catalogue as the command line names it, checked before anything is built.
struct NamedNetwork {
  let name: String
  /// The attention module in its blocks, a name or `{name: …, options}` as in a run file; `nil` for none.
  let attention: String?
  let classes: Int
  /// The side of its images.
  let imageSize: Int
  let network: any Module

  /// - Parameters: what is `nil` takes the published value.
  /// - Throws: `ConfigError` for names that no catalogue has, with the nearest one, and for sizes out of range, and for
  ///   options that the module does not take.
  init(_ name: String, attention: String? = nil, classes: Int? = nil, imageSize: Int? = nil) throws {
    guard let entry = ModelCatalog.entries[name] else {
      throw ConfigError.unknownName("--model", kind: "network", found: name, known: ModelCatalog.entries.keys)
    }
    let attention = attention == "none" ? nil : attention
    if let attention, !attention.hasPrefix("{"), AttentionCatalog.entries[attention] == nil {
      throw ConfigError.unknownName(
        "--attention", kind: "attention module", found: attention, known: AttentionCatalog.entries.keys)
    }
    self.name = name
    self.attention = attention
    self.classes = try checked("--classes", classes ?? entry.classes, in: 1...1_000_000)
    self.imageSize = try checked("--image-size", imageSize ?? entry.imageSize, in: 1...8192)
    guard
      let file = try? RunFile(
        text: "model: {name: \(name)}", overrides: attention.map { ["model.attention=\($0)"] } ?? [])
    else {
      throw ConfigError(
        path: "--attention",
        problem: .wrongValue(wanted: "a module's name, or {name: NAME, option: value}", found: "'\(attention ?? "")'"))
    }
    network = try ModelCatalog.network(file.section("model"), classes: self.classes)
    try file.finish()
  }

  /// `resnet50`, `resnet50 + cbam`.
  var title: String { name + (attention.map { " + \($0)" } ?? "") }
}

/// The value of a command-line option, within its range.
/// - Throws: `ConfigError` naming the option, the range and the value.
func checked(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws(ConfigError) -> Int {
  guard range.contains(value) else {
    throw ConfigError(
      path: option,
      problem: .wrongValue(wanted: "a whole number from \(range.lowerBound) to \(range.upperBound)", found: "\(value)"))
  }
  return value
}

/// The budget that `--memory-budget` gives; `nil` where it is not given.
/// - Throws: `ConfigError` for text that is no budget.
func checkedBudget(_ text: String?) throws(ConfigError) -> MemoryBudget? {
  guard let text else { return nil }
  guard let budget = MemoryBudget(text) else {
    throw ConfigError(path: "--memory-budget", problem: .wrongValue(wanted: MemoryBudget.wording, found: "'\(text)'"))
  }
  return budget
}

extension ConfigError {
  fileprivate static func unknownName(
    _ option: String, kind: String, found: String, known: some Sequence<String>
  ) -> ConfigError {
    ConfigError(path: option, problem: .unknownName(kind: kind, found: found, known: known.sorted()))
  }
}
