import Attention
import Configuration
import Layers
import Models

/// Inverted residuals and small MobileNetV2s around a module.
extension AttentionFixture {
  func invertedResidual(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    try config.checkChannels(of: fixture)
    let expansion = try config.size(.expansion, default: 6, upTo: 64)
    let module = try modules(config, fixture, ["conv.\(expansion == 1 ? 3 : 4)."])[0]
    return FixtureTwin(
      InvertedResidual(
        outputs: try config.size(.outputs), stride: try config.size(.strides, default: 1), expansion: expansion,
        attention: AttentionSlot(member, member: member) { _ in module }))
  }

  /// Reads stem, blocks and head from the words that the references' configs use for them: `3x3 stride 2, 16 ch`;
  /// `(in,out,stride,expand,k): (16,16,1,1,1) (16,24,2,6,3)`; `1x1 conv to 64, global mean, linear 10`.
  func mobileNet(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    var network = MobileNetV2()
    network.dropout = Float(try config.float("dropout", default: 0, in: 0...0))
    (network.stemStride, network.stemChannels) = try stem(config)
    let rows = try Self.rows(config)
    var paths: [String] = []
    var kernels: [Int] = []
    var channels = network.stemChannels
    network.stages = []
    for (index, row) in rows.enumerated() {
      guard row.inputs == channels else {
        throw config.error("blocks", "block \(index) takes \(row.inputs) channels where \(channels) arrive")
      }
      channels = row.outputs
      network.stages.append(
        .init(expansion: row.expansion, channels: row.outputs, depth: 1, stride: row.stride))
      paths.append("features.\(index + 1).conv.\(row.expansion == 1 ? 3 : 4).")
      if let kernel = row.kernel { kernels.append(kernel) }
    }
    (network.lastChannels, network.classes) = try head(config)
    let options: ConfigSection =
      kernels.count == rows.count
      ? ConfigSection(["k_size": .list(kernels.map { .int($0) })], path: "blocks") : config
    let modules = try modules(options, fixture, paths)
    network.attention = AttentionSlot(member, member: member) { modules[$0.stage - 1] }
    return FixtureTwin(network)
  }

  private func stem(_ config: ConfigSection) throws -> (stride: Int, channels: Int) {
    let name = config.name(.stem)
    if let channels = try? config.size(.stem) { return (try config.size(["stem_stride"], default: 2), channels) }
    let text = try config.string(name)
    guard let words = text.firstMatch(of: /3x3 stride (\d+), (\d+) ch/), let stride = Self.size(words.1),
      let channels = Self.size(words.2)
    else { throw config.error(name, "wanted '3x3 stride S, C ch', found '\(text.prefix(60))'") }
    return (stride, channels)
  }

  private func head(_ config: ConfigSection) throws -> (channels: Int, classes: Int) {
    let last: OptionNames = ["head", "last_channels", "last_channel"]
    if let channels = try? config.size(last) { return (channels, try config.size(.classes)) }
    let text = try config.string(config.name(last))
    guard let words = text.firstMatch(of: /1x1 conv to (\d+), global mean, linear (\d+)/),
      let channels = Self.size(words.1), let classes = Self.size(words.2)
    else {
      throw config.error(config.name(last), "wanted '1x1 conv to C, global mean, linear K', found '\(text.prefix(60))'")
    }
    return (channels, config.has(.classes) ? try config.size(.classes) : classes)
  }

  private struct Row {
    let inputs, outputs, stride, expansion: Int
    let kernel: Int?
  }

  private static func rows(_ config: ConfigSection) throws -> [Row] {
    let name = config.name(.blocks)
    let text = try config.string(name)
    let tuples = text.matches(of: /\(([^()]*)\)/).map { match in
      match.1.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }
    }
    let columns = tuples.first.flatMap { $0.allSatisfy { size($0) == nil } ? $0.map(String.init) : nil }
    let names = columns ?? ["in", "out", "stride", "expand", "k"]
    let rows = tuples.dropFirst(columns == nil ? 0 : 1)
    let known: [OptionNames] = [.channels, .outputs, .strides, .expansion, .kernel]
    let places = known.map { option in names.firstIndex(where: option.names.contains) }
    guard !rows.isEmpty, rows.count <= 128, places.prefix(4).allSatisfy({ $0 != nil }),
      names.count == places.compactMap({ $0 }).count
    else { throw config.error(name, "wanted '(in,out,stride,expand,k): (…) …', found '\(text.prefix(80))'") }
    return try rows.map { row in
      let numbers = row.compactMap { size($0) }
      guard numbers.count == names.count else {
        throw config.error(name, "wanted \(names.count) numbers, found '(\(row.joined(separator: ",")))'")
      }
      guard numbers[places[3]!] <= 64 else { throw config.error(name, "cannot widen \(numbers[places[3]!]) times") }
      return Row(
        inputs: numbers[places[0]!], outputs: numbers[places[1]!], stride: numbers[places[2]!],
        expansion: numbers[places[3]!], kernel: places[4].map { numbers[$0] })
    }
  }

  private static func size(_ text: some StringProtocol) -> Int? {
    Int(text).flatMap { (1...1 << 15).contains($0) ? $0 : nil }
  }
}
