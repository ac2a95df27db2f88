/// Something that `trainer doctor` found, and what to do about it.
public struct Finding: Hashable, Sendable, Codable {
  /// What was looked at.
  public enum Topic: String, Sendable, Codable, CaseIterable {
    case threads, rates, link, disk, memory, clock, launcher, program
  }

  public let topic: Topic
  /// Whether it costs speed or will end a run; otherwise it is worth knowing.
  public let isProblem: Bool
  /// The fact: with host and numbers.
  public let found: String
  /// What to do; empty where nothing needs to be done.
  public let remedy: String

  public init(_ topic: Topic, isProblem: Bool = true, _ found: String, remedy: String) {
    self.topic = topic
    self.isProblem = isProblem
    self.found = found
    self.remedy = remedy
  }

  /// A warning of the form `fact: remedy`.
  init(_ topic: Topic, warning: String) {
    let colon = warning.firstRange(of: ": ")
    self.init(
      topic, String(warning[..<(colon?.lowerBound ?? warning.endIndex)]),
      remedy: colon.map { String(warning[$0.upperBound...]) } ?? "")
  }

  /// `fact: remedy`
  public var sentence: String { remedy.isEmpty ? found : "\(found): \(remedy)" }
}

extension Array where Element == Finding {
  /// The same without what several ranks found alike.
  var withoutRepetitions: [Finding] {
    var known: Set<Finding> = []
    return filter { known.insert($0).inserted }
  }
}
