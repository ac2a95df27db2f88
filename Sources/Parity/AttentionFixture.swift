import Attention
import Configuration
import Layers
import Models

/// How to recognise an attention module by a file's parameters, and how its options are written: alone, in a residual
/// block, or in every block of a small network.
struct AttentionFixture: Sendable {
  /// What the module is called inside a block; empty where its parameters stand among the block's own.
  let member: String
  /// Whether the file's parameters, without the path of a host, are those of the module.
  let isRecognized: @Sendable (Fixture) -> Bool
  /// Reads the module's options for each of `stages` stages; `paths` are the paths of one module of each.
  let modules:
    @Sendable (_ config: ConfigSection, _ fixture: Fixture, _ paths: [String]) throws -> [any Module & Sendable]

  /// The one of `kinds` whose parameters the file has.
  static func recognized(in fixture: Fixture, among kinds: [AttentionFixture]) -> AttentionFixture? {
    kinds.first { $0.isRecognized(fixture) }
  }

  /// The path of the module inside a block.
  func path(_ block: String) -> String { member.isEmpty ? block : "\(block)\(member)." }

  /// What the options say: a network when they list blocks, a block when they have planes, else the module alone.
  func twin(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    _ = try config.optionalString("network")  // a label, like `what`
    if fixture.contains("param.conv.0.0.weight") { return try invertedResidual(config, fixture) }
    if fixture.contains("param.features.0.0.weight") { return try mobileNet(config, fixture) }
    if config.has(.blocks) || config.has(.depth) { return try residualNetwork(config, fixture) }
    // A module may have a convolution called conv1 itself.
    if fixture.contains("param.conv1.weight") && fixture.contains("param.conv2.weight") {
      return try residualBlock(config, fixture)
    }
    try config.checkChannels(of: fixture)
    return FixtureTwin(try modules(config, fixture, [""])[0])
  }
}
