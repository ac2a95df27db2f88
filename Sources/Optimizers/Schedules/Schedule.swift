/// The learning rate as a function of the step alone (but for a plateau): a linear warm-up, then a curve.
///
/// During W warm-up steps the rate is start + (peak - start) · (step + 1) / W, so that the last of them has the peak
/// rate; the curve begins with the step after.
public struct Schedule: Sendable {
  /// The highest rate.
  public var peakRate: Double
  public var warmupSteps: Int
  /// The rate from which the warm-up rises.
  public var warmupStartRate: Double
  /// The steps of the whole run, warm-up included.
  public var runSteps: Int
  public var curve: any RateCurve

  public init(
    peakRate: Double, curve: any RateCurve, runSteps: Int, warmupSteps: Int = 0, warmupStartRate: Double = 0
  ) {
    self.peakRate = peakRate
    self.curve = curve
    self.runSteps = runSteps
    self.warmupSteps = warmupSteps
    self.warmupStartRate = warmupStartRate
  }

  /// The rate of the step that has `step` steps before it. After the end of the run it stays what it was at the end.
  public func rate(at step: Int) -> Double { rate(at: step, scale: 1) }

  /// The same with a factor to the curve, which a plateau makes; the warm-up is not its business.
  public func rate(at step: Int, scale: Double) -> Double {
    if step < warmupSteps {
      return warmupStartRate + (peakRate - warmupStartRate) * Double(step + 1) / Double(warmupSteps)
    }
    let last = min(step, max(runSteps, warmupSteps))
    let progress = Double(last - warmupSteps) / Double(max(1, runSteps - warmupSteps))
    return scale * curve.rate(peak: peakRate, step: last, progress: progress)
  }

  /// The momentum (or β1) of that step, where the curve moves it.
  public func momentum(at step: Int) -> Double? { curve.momentum(step: step) }

  /// The rule that lowers the rate when evaluations show no progress, where that is what the schedule does.
  public var plateau: Plateau? { curve as? Plateau }
}

/// How the rate goes on after the warm-up.
public protocol RateCurve: Sendable {
  /// - Parameters:
  ///   - peak: the highest rate.
  ///   - step: the number of steps since the beginning of the run.
  ///   - progress: the part done of what follows the warm-up, 0...1.
  func rate(peak: Double, step: Int, progress: Double) -> Double

  /// The momentum (or β1) that goes with it; `nil`, as by default, leaves it to the rule.
  func momentum(step: Int) -> Double?
}

extension RateCurve {
  public func momentum(step: Int) -> Double? { nil }
}
