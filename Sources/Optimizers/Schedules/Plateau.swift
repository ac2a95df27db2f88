import Configuration

/// The peak rate, lowered whenever evaluations show no progress: PyTorch's `ReduceLROnPlateau`, once for each
/// evaluation after the warm-up.
///
/// A figure is progress when it is better than the best one so far by more than the threshold. After more than
/// `patience` evaluations in a row without any the rate is multiplied by `factor`, and the next `cooldown` evaluations
/// do not count.
public struct Plateau: RateCurve {
  /// What the threshold is a part of (`rel`) or an amount of (`abs`).
  public enum ThresholdMode: String, CaseIterable, Sendable { case rel, abs }

  /// Which of an evaluation's figures is looked at.
  public enum Figure: String, CaseIterable, Sendable {
    /// The first one, which also decides which checkpoint is best.
    case first
    case loss
  }

  /// 0..<1.
  public var factor = 0.1
  public var patience = 10
  public var threshold = 1e-4
  public var thresholdMode = ThresholdMode.rel
  public var cooldown = 0
  public var minRate = 0.0
  public var figure = Figure.first

  /// A change of the rate below this is none.
  private static let leastChange = 1e-8

  public init() {}

  /// What the evaluations so far have come to: alike on all ranks, and a part of every checkpoint.
  public struct State: Codable, Hashable, Sendable {
    /// The best figure; `nil` before the first.
    public var best: Double?
    /// Evaluations in a row without progress.
    public var badEvaluations = 0
    /// Evaluations that do not count yet.
    public var cooldown = 0
    /// The factor to the peak rate, 0...1.
    public var scale = 1.0

    public init() {}
  }

  public func rate(peak: Double, step: Int, progress: Double) -> Double { peak }

  /// Takes an evaluation's figure into account.
  /// - Returns: whether the rate is lower from now on.
  public func judge(_ value: Double, isBetterHigher: Bool, peak: Double, _ state: inout State) -> Bool {
    if isProgress(value, over: state.best, isBetterHigher) {
      state.best = value
      state.badEvaluations = 0
    } else {
      state.badEvaluations += 1
    }
    if state.cooldown > 0 {
      state.cooldown -= 1
      state.badEvaluations = 0
    }
    guard state.badEvaluations > patience else { return false }
    state.cooldown = cooldown
    state.badEvaluations = 0
    let scale = peak > 0 ? max(state.scale * factor, minRate / peak) : state.scale
    guard peak * (state.scale - scale) > Self.leastChange else { return false }
    state.scale = scale
    return true
  }

  private func isProgress(_ value: Double, over best: Double?, _ isBetterHigher: Bool) -> Bool {
    // A figure that is not a number is no progress, and never the best.
    guard let best else { return !value.isNaN }
    switch (isBetterHigher, thresholdMode) {
    case (false, .rel): return value < best * (1 - threshold)
    case (false, .abs): return value < best - threshold
    case (true, .rel): return value > best * (1 + threshold)
    case (true, .abs): return value > best + threshold
    }
  }
}

extension Plateau {
  /// Reads `factor`, `patience`, `threshold`, `threshold_mode`, `cooldown`, `min_rate` and `metric`.
  init(_ section: ConfigSection) throws(ConfigError) {
    self.init()
    factor = try section.float("factor", default: factor, in: 0..<1)
    patience = try section.int("patience", default: patience, in: 0...1 << 32)
    threshold = try section.float("threshold", default: threshold, in: 0...)
    thresholdMode = try section.choice("threshold_mode", default: ThresholdMode.rel)
    cooldown = try section.int("cooldown", default: cooldown, in: 0...1 << 32)
    minRate = try section.float("min_rate", default: minRate, in: 0...)
    figure = try section.choice("metric", default: Figure.first)
  }
}
