import Configuration

/// The curves of the learning rate by name: one line each.
public enum ScheduleCatalog {
  /// How long a run is, for intervals that are written as epochs or parts of it.
  public struct RunLength: Hashable, Sendable {
    public let stepsPerEpoch: Int
    public let runSteps: Int

    public init(stepsPerEpoch: Int, runSteps: Int) {
      self.stepsPerEpoch = stepsPerEpoch
      self.runSteps = runSteps
    }

    func steps(_ interval: Interval) -> Int { interval.steps(perEpoch: stepsPerEpoch, ofRun: runSteps) }
  }

  public static let entries: [String: @Sendable (ConfigSection, RunLength) throws(ConfigError) -> any RateCurve] = [
    "constant": { _, _ throws(ConfigError) in ConstantCurve() },
    "cosine": { section, _ throws(ConfigError) in CosineCurve(finalRate: try finalRate(section)) },
    "onecycle": { section, length throws(ConfigError) in try OneCycleCurve(section, length) },
    "plateau": { section, _ throws(ConfigError) in try Plateau(section) },
    "poly": { section, _ throws(ConfigError) in
      PolynomialCurve(power: try section.float("power", default: 0.9, in: 0...), finalRate: try finalRate(section))
    },
    "step": { section, length throws(ConfigError) in
      StepCurve(try drops(section, length), gamma: try section.float("gamma", default: 0.1, in: 0...1))
    },
  ]

  /// The schedule that the section's `name`, `warmup` (an interval), `warmup_start_rate` and options describe.
  /// - Throws: `ConfigError`, for an unknown name with the nearest known one.
  public static func schedule(
    _ section: ConfigSection, peakRate: Double, length: RunLength
  ) throws(ConfigError) -> Schedule {
    let name = try section.choice("name", among: entries.keys, default: "constant", kind: "schedule")
    guard let read = entries[name] else {
      throw section.unknownName("name", kind: "schedule", found: name, known: entries.keys)
    }
    let warmupSteps = length.steps(try section.interval("warmup", default: .steps(0)))
    guard warmupSteps <= length.runSteps else {
      throw section.error("warmup", "\(warmupSteps) steps are more than the run's \(length.runSteps)")
    }
    if name == "onecycle" && warmupSteps > 0 {
      throw section.error("warmup", "cannot stand beside onecycle, whose rise (pct_start) is one")
    }
    return Schedule(
      peakRate: peakRate, curve: try read(section, length), runSteps: length.runSteps, warmupSteps: warmupSteps,
      warmupStartRate: try section.float("warmup_start_rate", default: 0, in: 0...))
  }

  private static func finalRate(_ section: ConfigSection) throws(ConfigError) -> Double {
    try section.float("final_rate", default: 0, in: 0...)
  }

  /// `milestones: [30 epochs, 60 epochs]`, or `every: 30 epochs`.
  private static func drops(_ section: ConfigSection, _ length: RunLength) throws(ConfigError) -> StepCurve.Drops {
    if let every = try section.optionalInterval("every") {
      if section.contains("milestones") { throw section.error("every", "cannot stand beside milestones") }
      return .every(max(1, length.steps(every)))
    }
    var milestones: [Int] = []
    for text in try section.strings("milestones") {
      guard let interval = Interval(text) else {
        throw section.error("milestones", "wanted intervals such as '30 epochs', found '\(text)'")
      }
      milestones.append(length.steps(interval))
    }
    return .at(milestones.sorted())
  }
}
