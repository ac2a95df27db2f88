import Attention
import Configuration
import Layers

/// The catalogue of the survey of attention mechanisms: one kind of module a file, told by its parameters, or by its
/// options where it has none.
enum SurveyFixture {
  static func twin(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin? {
    if let kind = AttentionFixture.recognized(in: fixture, among: AttentionFixture.survey) {
      return try kind.twin(config, fixture)
    }
    return try sequence(config, fixture)
  }

  /// Modules on tokens and clips.
  private static func sequence(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin? {
    let names = Set(fixture.names(under: "param."))
    try config.checkChannels(of: fixture)
    if names.contains("gate.weight") && names.contains("transform.weight") { return FixtureTwin(Highway()) }
    if names.contains("qkv.weight") {
      return FixtureTwin(MultiHeadAttention(heads: try config.size(["heads"]), bias: try config.hasBias()))
    }
    if names.contains("kv.weight") { return try reduced(config) }
    if names.contains("G.0.weight") { return try adaptive(config, fixture) }
    if names.contains("dtp.0.weight") {
      try config.check("frames", fixture.extent(1))
      return FixtureTwin(GlobalLocalTemporal(levels: try config.size(["pyramid", "levels"], default: 3, upTo: 16)))
    }
    if names.contains("mlp.fc1.weight") && names.contains("temporal_fc.weight") { return try divided(config, fixture) }
    if names.contains("temporal_fc.weight") {
      try config.check("frames", fixture.extent(1))
      try config.check("places", fixture.extent(2))
      return FixtureTwin(TemporalAttention(heads: try config.size(["heads"]), epsilon: try config.epsilon(1e-6)))
    }
    if names.contains("query_embedding.weight") { return try decoupled(config, fixture) }
    return nil
  }

  private static func reduced(_ config: ConfigSection) throws -> FixtureTwin {
    let grid = try config.ints("grid", count: 2, in: 1...1 << 12)
    return FixtureTwin(
      SpatialReductionAttention(
        heads: try config.size(["heads"]), ratio: try config.size(["sr_ratio", "ratio"], upTo: 256),
        bias: try config.hasBias(), epsilon: try config.epsilon(1e-5), grid: .init(grid[0], grid[1])))
  }

  private static func adaptive(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let frames = try config.size(["frames"])
    if config.contains("clips") { try config.check("clips", fixture.extent(0) / frames) }
    return FixtureTwin(
      ClipFolding(frames: frames, TemporalAdaptiveModule(kernel: try config.oddSize(["kernel"], default: 3))))
  }

  private static func divided(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let order = "class, then place-major with the frame index fastest"
    guard try config.string("token_order", default: order) == order else {
      throw config.error("token_order", "only '\(order)' is known")
    }
    let frames = try config.size(["frames"])
    try config.check("places", (fixture.extent(1) - 1) / frames)
    let hidden: OptionNames = ["mlp_hidden", "hidden"]
    return FixtureTwin(
      DividedSpaceTimeBlock(
        frames: frames, heads: try config.size(["heads"]),
        hidden: config.has(hidden) ? try config.size(hidden) : nil, epsilon: try config.epsilon(1e-6)))
  }

  private static func decoupled(_ config: ConfigSection, _ fixture: Fixture) throws -> FixtureTwin {
    let frames = try config.size(["frames"]), grid = try config.ints("grid", count: 2, in: 1...1 << 12)
    try config.check("clips", fixture.extent(0) / frames)
    let zones = config.contains("zones") ? try config.ints("zones", count: 2, in: 1...1 << 12) : nil
    let module = DecoupledAttention(
      zones.map { .temporal(rows: $0[0], columns: $0[1]) } ?? .spatial, heads: try config.size(["heads"]))
    return FixtureTwin { inputs in
      inputs.prefix(1).map { x in
        module(x.reshaped(-1, frames, grid[0], grid[1], x.channels)).reshaped(x.shape.array)
      }
    }
  }
}

extension ConfigSection {
  fileprivate func hasBias() throws -> Bool { try bool("qkv_bias", default: true) }

  func epsilon(_ value: Double) throws -> Float {
    Float(try float(name(["norm_eps", "epsilon", "eps"]), default: value, in: 0...1))
  }

  /// Refuses an option that describes an extent other than the file's.
  fileprivate func check(_ key: String, _ extent: Int) throws {
    let declared = try int(key, default: extent)
    guard declared == extent else { throw error(key, "says \(declared), input.0 has \(extent)") }
  }
}

extension Fixture {
  /// An extent of the first input, in memory's order.
  fileprivate func extent(_ axis: Int) throws -> Int {
    let layout = try activationLayout("input.0")
    guard layout.axes.indices.contains(axis) else {
      throw FixtureError("input.0", wanted: "an axis \(axis)", found: "\(layout.shape)")
    }
    return layout.shape[layout.axes[axis]]
  }
}
