import Configuration

/// The update rules by name: one line each.
public enum OptimizerCatalog {
  public static let entries: [String: @Sendable (ConfigSection) throws(ConfigError) -> any Optimizer] = [
    "sgd": { section throws(ConfigError) in
      let (momentum, isNesterov) = try momentum(section)
      return StochasticGradientDescent(
        momentum: momentum, isNesterov: isNesterov,
        weightDecay: Float(try section.float("weight_decay", default: 0, in: 0...)))
    },
    "adamw": { section throws(ConfigError) in
      let betas = try section.floats("betas", default: [0.9, 0.999], count: 2, in: 0..<1)
      return AdamW(
        betas: (betas[0], betas[1]), epsilon: try section.float("epsilon", default: 1e-8, in: 0...),
        weightDecay: try section.float("weight_decay", default: 0.01, in: 0...))
    },
    "lamb": { section throws(ConfigError) in
      let betas = try section.floats("betas", default: [0.9, 0.999], count: 2, in: 0..<1)
      var rule = LAMB(
        betas: (betas[0], betas[1]), epsilon: try section.float("epsilon", default: 1e-6, in: 1e-16...1),
        weightDecay: try section.float("weight_decay", default: 0.01, in: 0...))
      rule.correctsBias = try section.bool("bias_correction", default: true)
      rule.clipsTrust = try section.bool("trust_clip", default: false)
      rule.alwaysAdapts = try section.bool("always_adapt", default: false)
      return rule
    },
    "lars": { section throws(ConfigError) in
      let (momentum, isNesterov) = try momentum(section)
      var rule = LARS(
        momentum: momentum, isNesterov: isNesterov,
        weightDecay: try section.float("weight_decay", default: 0, in: 0...),
        trustCoefficient: try section.float("trust_coeff", default: 0.001, in: 0...),
        epsilon: try section.float("epsilon", default: 1e-8, in: 0...))
      rule.clipsTrust = try section.bool("trust_clip", default: false)
      rule.alwaysAdapts = try section.bool("always_adapt", default: false)
      return rule
    },
  ]

  /// The rule that the section's `name` and options describe.
  /// - Throws: `ConfigError`, for an unknown name with the nearest known one.
  public static func optimizer(_ section: ConfigSection) throws(ConfigError) -> any Optimizer {
    let name = try section.choice("name", among: entries.keys, kind: "optimizer")
    guard let read = entries[name] else {
      throw section.unknownName("name", kind: "optimizer", found: name, known: entries.keys)
    }
    return try read(section)
  }

  private static func momentum(_ section: ConfigSection) throws(ConfigError) -> (momentum: Float, isNesterov: Bool) {
    let momentum = try section.float("momentum", default: 0, in: 0..<1)
    let isNesterov = try section.bool("nesterov", default: false)
    if isNesterov && momentum == 0 { throw section.error("nesterov", "needs a momentum above 0") }
    return (Float(momentum), isNesterov)
  }
}

extension Clipping {
  /// Reads `clip_norm`, `clip_value` or `clip_adaptive` of the optimizer's section.
  /// - Throws: `ConfigError` when several are given, or one is not above 0.
  public init(_ section: ConfigSection) throws(ConfigError) {
    var given: (key: String, clipping: Clipping)?
    for (key, clipping) in Self.keys {
      guard let limit = try section.optionalFloat(key, in: 0...) else { continue }
      if limit == 0 { throw section.error(key, "must be above 0: at 0 nothing is learnt") }
      if let given { throw section.error(key, "cannot stand beside \(given.key)") }
      given = (key, clipping(limit))
    }
    self = given?.clipping ?? .none
  }

  private static let keys: [(key: String, clipping: @Sendable (Double) -> Clipping)] = [
    ("clip_norm", { .norm($0) }), ("clip_value", { .value(Float($0)) }), ("clip_adaptive", { .adaptive($0) }),
  ]
}

extension LayerDecay {
  /// Reads `layer_decay` of the optimizer's section; `nil` where there is none.
  public static func read(_ section: ConfigSection) throws(ConfigError) -> LayerDecay? {
    try section.optionalFloat("layer_decay", in: 0...1).map { LayerDecay($0) }
  }
}

extension MovingAverage {
  /// Reads the section `average` (`decay`, `warmup`) of the optimizer's section; `nil` where there is none.
  public static func read(_ section: ConfigSection) throws(ConfigError) -> MovingAverage? {
    guard let average = try section.optionalSection("average") else { return nil }
    return MovingAverage(
      decay: try average.float("decay", default: 0.9999, in: 0..<1),
      warmsUp: try average.bool("warmup", default: true))
  }
}
