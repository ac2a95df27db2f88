import Attention
import Configuration
import Layers
import Models

/// How to recognise an attention module by a file's parameters, and how its options are written: alone, in a residual
/// block, or in every block of a small network.
struct AttentionFixture: Sendable {
  /// What the module is called inside a block.
  let member: String
  /// Whether the file's parameters, without the path of a host, are those of the module.
  let isRecognized: @Sendable (Fixture) -> Bool
  /// Reads the module's options for each of `stages` stages; `paths` are the paths of one module of each.
  let modules:
    @Sendable (_ config: ConfigSection, _ fixture: Fixture, _ paths: [String]) throws -> [any Module & Sendable]

  static let squeezeExcitation = AttentionFixture(member: "se") { fixture in
    Set(fixture.names(under: "param.")).subtracting(["fc.0.bias", "fc.2.bias"]) == ["fc.0.weight", "fc.2.weight"]
      && fixture.names(under: "buffer.").isEmpty
  } modules: { config, fixture, paths in
    let path = paths[0]
    let module = SqueezeExcitation(
      reduction: try config.size(.reduction, default: 16),
      bias: try config.bool("bias", default: fixture.contains("param.\(path)fc.0.bias")))
    return paths.map { _ in module }
  }

  static let eca = AttentionFixture(member: "eca") { fixture in
    fixture.names(under: "param.") == ["conv.weight"] && (try? fixture.shape("param.conv.weight").count) == 3
  } modules: { config, fixture, paths in
    // Without an option the constructors differ from each other (3 or the rule), and the taps say which it was.
    let shapes = try paths.map { try fixture.shape("param.\($0)conv.weight") }
    let perChannel = shapes.map { $0.first.map { $0 > 1 } ?? false }
    if (try? config.string(config.name(.kernel))) == "auto" {
      return perChannel.map { EfficientChannelAttention(perChannel: $0) }
    }
    let kernels = config.has(.kernel) ? try config.sizes(.kernel, stages: paths.count) : shapes.map { $0.last ?? 1 }
    return zip(perChannel, kernels).map { EfficientChannelAttention(kernel: $1, perChannel: $0) }
  }

  static let cbam = AttentionFixture(member: "cbam") { fixture in
    fixture.names(under: "param.").contains { $0.hasPrefix("ChannelGate.") }
  } modules: { config, fixture, paths in
    let path = paths[0]
    let parameters = fixture.names(under: "param.\(path)")
    let module = CBAM(
      reduction: try config.size(.reduction, default: 16),
      pools: try config.choices(
        config.name(.pools), among: CBAM.Pool.self, default: [.average, .maximum], kind: "statistic"),
      hasChannelGate: parameters.contains { $0.hasPrefix("ChannelGate.") },
      hasSpatialGate:
        !(try config.bool(
          "no_spatial", default: !parameters.contains { $0.hasPrefix("SpatialGate.") })),
      spatialKernel: try config.size(.spatialKernel, default: 7))
    return paths.map { _ in module }
  }

  /// The one of `kinds` whose parameters the file has.
  static func recognized(in fixture: Fixture, among kinds: [AttentionFixture]) -> AttentionFixture? {
    kinds.first { $0.isRecognized(fixture) }
  }

  /// What the options say: a network when they list blocks, a block when they have planes, else the module alone.
  func twin(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    _ = try config.optionalString("network")  // a label, like `what`
    if fixture.contains("param.conv.0.0.weight") { return try invertedResidual(config, fixture) }
    if fixture.contains("param.features.0.0.weight") { return try mobileNet(config, fixture) }
    if config.has(.blocks) { return try residualNetwork(config, fixture) }
    if fixture.contains("param.conv1.weight") { return try residualBlock(config, fixture) }
    try config.checkChannels(of: fixture)
    return FixtureTwin(try modules(config, fixture, [""])[0])
  }
}
