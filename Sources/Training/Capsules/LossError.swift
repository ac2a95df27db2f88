import Foundation

/// A step whose numbers cannot be trained on: nothing has been updated with them.
public struct LossError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was found; a path names the first tensor, in the order in which the backward pass makes them final.
  public enum Fault: Hashable, Sendable {
    case loss
    case gradient(path: String)
    case statistic(path: String)
  }

  /// What became of the capsule.
  public enum Capsule: Hashable, Sendable {
    case kept(path: String)
    case failed(reason: String)
  }

  public let fault: Fault
  public let outcome: StepOutcome
  /// The last steps before, oldest first.
  public let before: [StepOutcome]
  /// The replicas whose loss is not finite.
  public let replicas: [Int]
  public let perRank: Int
  public let capsule: Capsule

  public var description: String {
    let rate = NumberText.significant(outcome.learningRate, digits: 6)
    var sentence = "\(Self.subject(fault, outcome)) at step \(outcome.step), with a learning rate of \(rate)"
    if let list = replicaList { sentence += ", in \(list)" }
    if !before.isEmpty {
      let steps = before.map {
        "step \($0.step) had loss \(NumberText.significant($0.loss, digits: 4)) and gradient norm "
          + NumberText.significant($0.gradientNorm, digits: 4)
      }
      sentence += "; " + steps.joined(separator: ", ")
    }
    sentence += "; nothing was saved after that step. "
    switch capsule {
    case .kept(let path):
      return sentence + "`trainer replay \(path)` runs it alone and names the first layer, replica and sample whose "
        + "numbers are not finite"
    case .failed(let reason):
      return sentence + "It could not be kept for a replay: \(reason). Start again with `--resume latest --debug` to "
        + "see the first layer whose numbers are not finite"
    }
  }

  /// `the loss is nan`, `a gradient is not finite (fc.weight)`.
  static func subject(_ fault: Fault, _ outcome: StepOutcome) -> String {
    switch fault {
    case .loss: "the loss is \(NumberText.significant(outcome.loss, digits: 6))"
    case .gradient(let path): "the gradient of \(path) is not finite"
    case .statistic(let path): "the new \(path) is not finite"
    }
  }

  private var replicaList: String? {
    guard !replicas.isEmpty else { return nil }
    let names = replicas.prefix(4).map { "\($0) (rank \($0 / perRank))" }.joined(separator: ", ")
    let more = replicas.count > 4 ? " and \(replicas.count - 4) more" : ""
    return (replicas.count == 1 ? "replica " : "replicas ") + names + more
  }
}
