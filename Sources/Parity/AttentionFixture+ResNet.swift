import Attention
import Configuration
import Layers
import Models

/// Residual blocks and small residual networks around a module, as the references' `make_layer` builds them.
extension AttentionFixture {
  func residualBlock(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let isBottleneck = try isBottleneck(config, fixture, block: "")
    let inputs: OptionNames = ["inplanes", "in_planes", "in_channels", "inp"]
    try config.checkChannels(config.has(inputs) ? inputs : .channels, of: fixture)
    let module: OptionNames = ["channels", "channel", "gate_channels"]
    if config.has(inputs), config.has(module) {
      let channels = try config.size(module), outputs = try config.size(.planes) * (isBottleneck ? 4 : 1)
      guard channels == outputs else {
        throw config.error(config.name(module), "says \(channels) channels, the block has \(outputs)")
      }
    }
    var options = ResidualOptions(
      planes: try config.size(.planes), stride: try config.size(.strides, default: 1))
    options.groups = try config.size(.groups, default: 1, upTo: 1024)
    options.widthPerGroup = try config.size(.widthPerGroup, default: 64, upTo: 1024)
    let attention = try modules(config, fixture, [path("")])[0]
    options.attention = AttentionSlot(member, member: member) { _ in attention }
    return FixtureTwin(isBottleneck ? Bottleneck(options) : BasicBlock(options))
  }

  func residualNetwork(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let isBottleneck = try isBottleneck(config, fixture, block: "layer1.0.")
    let isPlain = config.has(.depth)
    let depths = isPlain ? try cifarDepths(config, isBottleneck) : try config.ints(config.name(.blocks), in: 1...128)
    guard !depths.isEmpty, depths.count <= 16 else {
      throw config.error(config.name(.blocks), "wanted 1 to 16 stages, found \(depths.count)")
    }
    var network = ResNet(isBottleneck ? .bottleneck : .basic, depths: depths)
    network.planes = isPlain && !config.has(.planes) ? [16, 32, 64] : try config.sizes(.planes, stages: depths.count)
    network.strides =
      config.has(.strides)
      ? try config.sizes(.strides, stages: depths.count) : depths.indices.map { $0 == 0 ? 1 : 2 }
    // A 7x7 stem pools and a 3x3 one does not, in every host of the references.
    network.stem = try fixture.shape("param.conv1.weight").last == 7 ? .imageNet : .small
    network.stemChannels = try config.size(.stem, default: network.planes[0])
    network.groups = try config.size(.groups, default: 1, upTo: 1024)
    network.widthPerGroup = try config.size(.widthPerGroup, default: 64, upTo: 1024)
    network.classes = try config.size(.classes)
    network.attention = try slot(config, fixture, depths)
    return FixtureTwin(network)
  }

  /// The network's stages of 6n + 2 or 9n + 2 layers.
  private func cifarDepths(_ config: ConfigSection, _ isBottleneck: Bool) throws -> [Int] {
    let depth = try config.size(.depth), layers = isBottleneck ? 9 : 6
    let block = try config.string("block", default: isBottleneck ? "bottleneck" : "basic")
    guard block.lowercased().hasPrefix(isBottleneck ? "bottleneck" : "basic") else {
      throw config.error("block", "says '\(block)', the file has blocks of \(isBottleneck ? 3 : 2) convolutions")
    }
    guard depth > 2, (depth - 2) % layers == 0 else {
      throw config.error(config.name(.depth), "wanted \(layers) n + 2 layers, found \(depth)")
    }
    return [Int](repeating: (depth - 2) / layers, count: 3)
  }

  /// The module in every block that has its parameters in the file: a network may have it in some stages only.
  private func slot(_ config: ConfigSection, _ fixture: Fixture, _ depths: [Int]) throws -> AttentionSlot {
    let names = fixture.names(under: "param.")
    let places = depths.enumerated().map { stage, depth in
      (0..<depth).filter { block in
        let path = path("layer\(stage + 1).\(block).")
        return member.isEmpty || names.contains { $0.hasPrefix(path) }
      }
    }
    let stages = places.indices.filter { !places[$0].isEmpty }
    let found = try modules(config, fixture, stages.map { path("layer\($0 + 1).\(places[$0][0]).") })
    let modules = Dictionary(uniqueKeysWithValues: zip(stages, found))
    return AttentionSlot(member, member: member) { site in
      guard let module = modules[site.stage - 1], places[site.stage - 1].contains(site.block) else { return nil }
      return module
    }
  }

  private func isBottleneck(_ config: ConfigSection, _ fixture: Fixture, block: String) throws -> Bool {
    let isBottleneck = fixture.contains("param.\(block)conv3.weight")
    guard config.has(.expansion) else { return isBottleneck }
    let expansion = try config.size(.expansion)
    guard expansion == (isBottleneck ? Bottleneck.expansion : BasicBlock.expansion) else {
      throw config.error(
        config.name(.expansion), "blocks with \(isBottleneck ? 3 : 2) convolutions do not have \(expansion)")
    }
    return isBottleneck
  }
}
