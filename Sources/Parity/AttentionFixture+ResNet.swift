import Attention
import Configuration
import Layers
import Models

/// Residual blocks and small residual networks around a module, as the references' `make_layer` builds them.
extension AttentionFixture {
  func residualBlock(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    try config.checkChannels(of: fixture)
    let isBottleneck = try isBottleneck(config, fixture, block: "")
    var options = ResidualOptions(
      planes: try config.size(.planes), stride: try config.size(.strides, default: 1))
    options.groups = try config.size(.groups, default: 1, upTo: 1024)
    options.widthPerGroup = try config.size(.widthPerGroup, default: 64, upTo: 1024)
    options.attention = (member, try modules(config, fixture, ["\(member)."])[0])
    return FixtureTwin(isBottleneck ? Bottleneck(options) : BasicBlock(options))
  }

  func residualNetwork(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let depths = try config.ints(config.name(.blocks), in: 1...128)
    guard !depths.isEmpty, depths.count <= 16 else {
      throw config.error(config.name(.blocks), "wanted 1 to 16 stages, found \(depths.count)")
    }
    var network = ResNet(try isBottleneck(config, fixture, block: "layer1.0.") ? .bottleneck : .basic, depths: depths)
    network.planes = try config.sizes(.planes, stages: depths.count)
    network.strides =
      config.has(.strides)
      ? try config.sizes(.strides, stages: depths.count) : depths.indices.map { $0 == 0 ? 1 : 2 }
    // A 7x7 stem pools and a 3x3 one does not, in every host of the references.
    network.stem = try fixture.shape("param.conv1.weight").last == 7 ? .imageNet : .small
    network.stemChannels = try config.size(.stem, default: network.planes[0])
    network.groups = try config.size(.groups, default: 1, upTo: 1024)
    network.widthPerGroup = try config.size(.widthPerGroup, default: 64, upTo: 1024)
    network.classes = try config.size(.classes)
    let modules = try modules(config, fixture, depths.indices.map { "layer\($0 + 1).0.\(member)." })
    network.attention = AttentionSlot(member, member: member) { modules[$0.stage - 1] }
    return FixtureTwin(network)
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
