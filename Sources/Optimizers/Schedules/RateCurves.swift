import Glibc

/// The peak rate throughout.
public struct ConstantCurve: RateCurve {
  public init() {}

  public func rate(peak: Double, step: Int, progress: Double) -> Double { peak }
}

/// Half a cosine from the peak to the final rate (Loshchilov, Hutter; ICLR 2017, eq. 5 without restarts).
public struct CosineCurve: RateCurve {
  public var finalRate: Double

  public init(finalRate: Double = 0) { self.finalRate = finalRate }

  public func rate(peak: Double, step: Int, progress: Double) -> Double {
    finalRate + (peak - finalRate) * (1 + cos(.pi * progress)) / 2
  }
}

/// final + (peak - final) · (1 - progress)^power; a power of 1 is a straight line.
public struct PolynomialCurve: RateCurve {
  public var power: Double
  public var finalRate: Double

  public init(power: Double = 0.9, finalRate: Double = 0) {
    self.power = power
    self.finalRate = finalRate
  }

  public func rate(peak: Double, step: Int, progress: Double) -> Double {
    finalRate + (peak - finalRate) * pow(1 - progress, power)
  }
}

/// The rate is multiplied by `gamma` at each milestone, counted from the beginning of the run, warm-up included.
public struct StepCurve: RateCurve {
  /// Where the drops are.
  public enum Drops: Hashable, Sendable {
    /// At these steps, ascending.
    case at([Int])
    /// At every multiple of so many steps, 1 or more.
    case every(Int)
  }

  public var drops: Drops
  public var gamma: Double

  public init(_ drops: Drops, gamma: Double = 0.1) {
    self.drops = drops
    self.gamma = gamma
  }

  public func rate(peak: Double, step: Int, progress: Double) -> Double {
    let passed =
      switch drops {
      case .at(let milestones): milestones.count { $0 <= step }
      case .every(let steps): step / steps
      }
    return peak * pow(gamma, Double(passed))
  }
}
