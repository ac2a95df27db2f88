import Foundation

/// What became of one fixture file.
public struct ParityResult: Sendable {
  public enum Status: String, Sendable {
    case pass = "PASS"
    case fail = "FAIL"
    /// The product has no such network yet.
    case unsupported = "UNSUPPORTED"
  }

  enum Outcome: Sendable {
    case compared([ParityComparison])
    /// The file or our twin of it cannot be compared: why, in one sentence.
    case failed(String)
    case unsupported
  }

  /// The path as it was given.
  public let file: String
  public let system: String
  public let variant: String
  public let status: Status
  /// The tensor that uses up most of its tolerance; `nil` when nothing could be compared.
  public let worst: ParityComparison?
  /// Every tensor that was compared, by key.
  public let comparisons: [ParityComparison]
  /// Why nothing could be compared.
  public let problem: String?

  init(file: String, system: String, variant: String, outcome: Outcome) {
    self.file = file
    self.system = system
    self.variant = variant
    switch outcome {
    case .compared(let comparisons):
      self.comparisons = comparisons
      status = comparisons.allSatisfy(\.passes) ? .pass : .fail
      worst = comparisons.max { $0.share < $1.share }
      problem = nil
    case .failed(let sentence):
      (comparisons, worst, status, problem) = ([], nil, .fail, sentence)
    case .unsupported:
      (comparisons, worst, status, problem) = ([], nil, .unsupported, "no such network in the catalogue")
    }
  }

  /// `PASS cbam/x.safetensors cbam/module_c32_r8 worst train.grad_input.0 1.2e-06 (allowed 1.0e-04)`; with the sentence
  /// in place of the worst tensor when nothing could be compared.
  public var line: String {
    let subject = "\(status.rawValue) \(file) \(system)/\(variant)"
    guard let worst else { return subject + (problem.map { ": \($0)" } ?? "") }
    return "\(subject) worst \(worst.tensor) \(Self.text(worst.error)) (allowed \(Self.text(worst.tolerance)))"
  }

  /// One JSON object on one line: `file`, `system`, `variant`, `status`, `worst` (`tensor`, `error`, `tolerance`;
  /// `null` when nothing could be compared, and then `problem` says why). An error that is not finite is `null`.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(Object(result: self)), as: UTF8.self)
  }

  private static func text(_ number: Double) -> String { String(format: "%.1e", number) }
}

extension ParityResult {
  /// The object behind `json`.
  private struct Object: Encodable {
    enum Keys: String, CodingKey { case file, system, variant, status, worst, problem }
    enum WorstKeys: String, CodingKey { case tensor, error, tolerance }

    let result: ParityResult

    func encode(to encoder: any Encoder) throws {
      var object = encoder.container(keyedBy: Keys.self)
      try object.encode(result.file, forKey: .file)
      try object.encode(result.system, forKey: .system)
      try object.encode(result.variant, forKey: .variant)
      try object.encode(result.status.rawValue, forKey: .status)
      if let comparison = result.worst {
        var worst = object.nestedContainer(keyedBy: WorstKeys.self, forKey: .worst)
        try worst.encode(comparison.tensor, forKey: .tensor)
        try worst.encode(comparison.error.isFinite ? comparison.error : nil, forKey: .error)
        try worst.encode(comparison.tolerance, forKey: .tolerance)
      } else {
        try object.encodeNil(forKey: .worst)
        try object.encodeIfPresent(result.problem, forKey: .problem)
      }
    }
  }
}
