import Compute
import Foundation
import Graphs

/// Looks at every value of an interpreted run: prints what each layer made the first time, and ends the run at the
/// first number that is not finite, with its layer.
final class DebugObserver {
  private unowned let runners: NetworkRunners
  private let log: RunLog?
  private var seen: Set<String> = []

  init(_ runners: NetworkRunners, log: RunLog?) {
    self.runners = runners
    self.log = log
  }

  func observe(_ step: Program.Step, _ written: [TensorView]) throws {
    let isForward = if case .forward = step.action { true } else { false }
    for view in written {
      var low = Float.infinity, high = -Float.infinity, total = 0.0, bad = -1
      for index in 0..<view.count {
        let value = view[index]
        if !value.isFinite && bad < 0 { bad = index }
        low = min(low, value)
        high = max(high, value)
        total += Double(value)
      }
      if bad >= 0 {
        throw NonFiniteValue(
          path: step.path, isForward: isForward, value: view[bad],
          sample: view.shape.rank > 1 ? bad / (view.count / view.shape[0]) : nil)
      }
      if isForward && seen.insert(step.path).inserted {
        log?.announce(
          "\(step.path) \(view.shape): mean \(Self.text(total / Double(max(view.count, 1)))), "
            + "\(Self.text(Double(low))) to \(Self.text(Double(high)))")
      }
    }
  }

  private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}

/// The first value of a debugged run that is not finite.
public struct NonFiniteValue: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let isForward: Bool
  public let value: Float
  /// The sample of the replica's batch, where the first axis counts samples.
  public let sample: Int?

  public var description: String {
    "\(path) gave \(value) in the \(isForward ? "forward" : "backward") pass"
      + (sample.map { ", first for sample \($0) of the replica's batch" } ?? "")
  }
}
