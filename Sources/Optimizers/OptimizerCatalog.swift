import Configuration

/// The update rules by name: one line each.
public enum OptimizerCatalog {
  public static let entries: [String: @Sendable (ConfigSection) throws(ConfigError) -> any Optimizer] = [
    "sgd": { section throws(ConfigError) in
      let momentum = try section.float("momentum", default: 0, in: 0..<1)
      let isNesterov = try section.bool("nesterov", default: false)
      if isNesterov && momentum == 0 { throw section.error("nesterov", "needs a momentum above 0") }
      return StochasticGradientDescent(
        momentum: Float(momentum), isNesterov: isNesterov,
        weightDecay: Float(try section.float("weight_decay", default: 0, in: 0...)))
    },
    "adamw": { section throws(ConfigError) in
      let betas = try section.floats("betas", default: [0.9, 0.999], count: 2, in: 0..<1)
      return AdamW(
        betas: (betas[0], betas[1]), epsilon: try section.float("epsilon", default: 1e-8, in: 0...),
        weightDecay: try section.float("weight_decay", default: 0.01, in: 0...))
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
}

extension Clipping {
  /// Reads `clip_norm` or `clip_value` of the optimizer's section.
  /// - Throws: `ConfigError` when both are given, or one is not above 0.
  public init(_ section: ConfigSection) throws(ConfigError) {
    let norm = try section.optionalFloat("clip_norm", in: 0...)
    let value = try section.optionalFloat("clip_value", in: 0...)
    if norm == 0 { throw section.error("clip_norm", "must be above 0: at 0 nothing is learnt") }
    if value == 0 { throw section.error("clip_value", "must be above 0: at 0 nothing is learnt") }
    switch (norm, value) {
    case (nil, nil): self = .none
    case (let norm?, nil): self = .norm(norm)
    case (nil, let value?): self = .value(Float(value))
    case (_?, _?): throw section.error("clip_value", "cannot stand beside clip_norm")
    }
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
