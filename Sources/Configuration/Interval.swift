/// A stretch of a training run, in the unit in which it was written: `500`, `1 epoch`, `5 %`.
public enum Interval: Hashable, Sendable {
  case steps(Int)
  case epochs(Double)
  /// A part of the whole run, 0...1.
  case share(Double)

  /// Reads `500`, `500 steps`, `1 epoch`, `2.5 epochs`, `5 %`; `nil` for anything else, also for what is negative.
  public init?(_ text: String) {
    let number = text.prefix { "0123456789.".contains($0) }
    switch text.dropFirst(number.count).drop(while: { $0 == " " }) {
    case "", "step", "steps":
      guard let steps = Int(number) else { return nil }
      self = .steps(steps)
    case "epoch", "epochs":
      guard let epochs = Double(number), epochs.isFinite else { return nil }
      self = .epochs(epochs)
    case "%":
      guard let percent = Double(number), percent <= 100 else { return nil }
      self = .share(percent / 100)
    default: return nil
    }
  }

  /// The interval in whole steps, rounded to the nearest.
  public func steps(perEpoch stepsPerEpoch: Int, ofRun runSteps: Int) -> Int {
    let steps: Double
    switch self {
    case .steps(let steps): return steps
    case .epochs(let epochs): steps = epochs * Double(stepsPerEpoch)
    case .share(let share): steps = share * Double(runSteps)
    }
    // An absurd number of epochs is not a reason to trap.
    return Int(min(steps, 1e15).rounded())
  }
}

extension Interval: CustomStringConvertible {
  /// The text that reads back as this interval.
  public var description: String {
    switch self {
    case .steps(let steps): "\(steps)"
    case .epochs(let epochs): ConfigNode.text(of: epochs) + (epochs == 1 ? " epoch" : " epochs")
    // 0.07 * 100 is 7.000000000000001.
    case .share(let share): ConfigNode.text(of: (share * 1e11).rounded() / 1e9) + " %"
    }
  }
}
