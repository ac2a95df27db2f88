import Configuration
import Glibc

/// One cycle (Smith, Topin 2017, arXiv 1708.07120) over the whole run, in the form of PyTorch's `OneCycleLR`: the rate
/// rises from peak / `divFactor` to the peak and falls to peak / `divFactor` / `finalDivFactor`, while the momentum (or
/// β1) goes the other way.
///
/// With T steps the rise ends at step `risingShare` · T - 1 and the fall at T - 1. In three phases the fall first takes
/// as long as the rise, back to where the rate began, and the rest of the run leads to the end.
public struct OneCycleCurve: RateCurve {
  /// What leads from one rate to the next.
  public enum Annealing: String, CaseIterable, Sendable { case cos, linear }

  /// T, 1 or more.
  public var steps: Int
  /// 0...1; at most 0.5 in three phases.
  public var risingShare = 0.3
  public var annealing = Annealing.cos
  public var divFactor = 25.0
  public var finalDivFactor = 1e4
  public var hasThreePhases = false
  /// The momentum at the peak rate and at the lowest; `nil` leaves it to the rule.
  public var momentum: (base: Double, max: Double)? = (0.85, 0.95)

  public init(steps: Int) { self.steps = steps }

  public func rate(peak: Double, step: Int, progress: Double) -> Double {
    let start = peak / divFactor, end = start / finalDivFactor
    return value(step, over: hasThreePhases ? [start, peak, start, end] : [start, peak, end])
  }

  public func momentum(step: Int) -> Double? {
    momentum.map { base, max in value(step, over: hasThreePhases ? [max, base, max, max] : [max, base, max]) }
  }

  /// What `corners`, the values where the phases meet, come to at `step`.
  private func value(_ step: Int, over corners: [Double]) -> Double {
    let rise = risingShare * Double(steps), last = Double(steps - 1)
    let ends = hasThreePhases ? [rise - 1, 2 * rise - 2, last] : [rise - 1, last]
    let position = min(Double(step), last)
    let phase = ends.firstIndex { position <= $0 } ?? ends.count - 1
    let begin = phase == 0 ? 0 : ends[phase - 1], length = ends[phase] - begin
    let progress = length > 0 ? (position - begin) / length : 1
    let (from, to) = (corners[phase], corners[phase + 1])
    switch annealing {
    case .cos: return to + (from - to) / 2 * (1 + Glibc.cos(.pi * progress))
    case .linear: return from + (to - from) * progress
    }
  }
}

extension OneCycleCurve {
  /// Reads PyTorch's options: `pct_start`, `anneal_strategy`, `div_factor`, `final_div_factor`, `three_phase`,
  /// `cycle_momentum`, `base_momentum`, `max_momentum`.
  init(_ section: ConfigSection, _ length: ScheduleCatalog.RunLength) throws(ConfigError) {
    self.init(steps: length.runSteps)
    risingShare = try section.float("pct_start", default: risingShare, in: 0...1)
    annealing = try section.choice("anneal_strategy", default: Annealing.cos)
    divFactor = try section.float("div_factor", default: divFactor, in: 1...1e12)
    finalDivFactor = try section.float("final_div_factor", default: finalDivFactor, in: 1...1e12)
    hasThreePhases = try section.bool("three_phase", default: false)
    if hasThreePhases && risingShare > 0.5 {
      throw section.error("pct_start", "must be at most 0.5 in three phases: the fall takes as long as the rise")
    }
    guard try section.bool("cycle_momentum", default: true) else {
      momentum = nil
      return
    }
    momentum = (
      try section.float("base_momentum", default: 0.85, in: 0..<1),
      try section.float("max_momentum", default: 0.95, in: 0..<1)
    )
  }
}
