import Compute
import Foundation
import Graphs

/// Looks at every value of an interpreted run: prints what each layer made the first time, and ends the run at the
/// first number that is not finite, with its layer, replica and sample.
final class DebugObserver {
  private unowned let runners: NetworkRunners
  private weak var gradients: GradientStep?
  private let log: RunLog?
  private let nameOfSample: (Int) -> String
  private var seen: Set<String> = []

  init(
    _ runners: NetworkRunners, _ gradients: GradientStep, log: RunLog?, nameOfSample: @escaping (Int) -> String
  ) {
    self.runners = runners
    self.gradients = gradients
    self.log = log
    self.nameOfSample = nameOfSample
  }

  func observe(_ step: Program.Step, _ written: [TensorView]) throws {
    let isForward = if case .forward = step.action { true } else { false }
    for view in written {
      let scan = ValueScan(view)
      if let bad = scan.firstBad { throw error(step.path, isForward, view, bad) }
      if isForward && seen.insert(step.path).inserted {
        log?.announce(
          "\(step.path) \(view.shape): mean \(Self.text(scan.total / Double(max(view.count, 1)))), "
            + "\(Self.text(Double(scan.low))) to \(Self.text(Double(scan.high)))")
      }
    }
  }

  private func error(_ path: String, _ isForward: Bool, _ view: TensorView, _ bad: Int) -> NonFiniteValue {
    // An evaluation has no replicas.
    let batch = gradients?.running
    let sample = batch.flatMap { batch in
      runners.state.sample(of: bad, in: view, samples: batch.count).map { place in
        let index = batch.indices[place]
        return "sample \(place): \(nameOfSample(index)) (index \(index))"
      }
    }
    return NonFiniteValue(
      path: path, isForward: isForward, value: view[bad], replica: batch?.address.replica, sample: sample)
  }

  private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}

/// The first value of a debugged run that is not finite.
public struct NonFiniteValue: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let isForward: Bool
  public let value: Float
  /// The replica of a training step.
  public let replica: Int?
  /// Place, name and index of the sample, where the first axis counts samples.
  public let sample: String?

  public var description: String {
    "\(path) gave \(value) in the \(isForward ? "forward" : "backward") pass"
      + (replica.map { " of replica \($0)" } ?? "") + (sample.map { ", first for its \($0)" } ?? "")
  }
}
