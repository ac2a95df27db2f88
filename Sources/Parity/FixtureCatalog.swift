import Attention
import Configuration
import Layers
import Models

/// The systems whose reference numbers the product can be held to: one line each.
///
/// A reader builds what the file's options say, by their keys and by which parameters the file has, never by the name
/// of the file or of its variant. It returns `nil` for a kind of network that the product does not have yet, and throws
/// for one that it has and whose options it does not understand.
public enum FixtureCatalog {
  public typealias Reader = @Sendable (_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin?

  public static let entries: [String: Reader] = [
    "cbam": { try AttentionFixture.cbam.twin($0, $1) },
    "eca-net": { try AttentionFixture.eca.twin($0, $1) },
    "gcnet": {
      try AttentionFixture.recognized(
        in: $1, among: [.squeezeExcitation, .globalContext, .simplifiedNonLocal, .nonLocal(.gcnet)])?.twin($0, $1)
    },
    "cat": { try AttentionFixture.cat.twin($0, $1) },
    "sem": { try AttentionFixture.sem.twin($0, $1) },
    "attention-survey": { try SurveyFixture.twin($0, $1) },
    "torchvision": { config, _ in FixtureTwin(try publishedNetwork(config)) },
  ]

  /// The twin of what `fixture` was made with; `nil` when the product has no such network.
  /// - Throws: `ConfigError` naming an option that does not fit or that nobody understands; `FixtureError`.
  public static func twin(of fixture: Fixture) throws -> FixtureTwin? {
    guard let reader = entries[fixture.system] else { return nil }
    let config = try fixture.config()
    guard let twin = try reader(config, fixture) else { return nil }
    try config.finish()
    return twin
  }

  private static func publishedNetwork(_ config: ConfigSection) throws -> any Module {
    let name = try config.choice("network", among: ModelCatalog.entries.keys.sorted(), kind: "network")
    let attention = try config.optionalSection("attention").flatMap(AttentionCatalog.slot)
    let entry = ModelCatalog.entries[name]!
    return try entry.read(config, try config.size(.classes, default: entry.classes), attention)
  }
}
