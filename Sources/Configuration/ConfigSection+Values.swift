import Foundation

/// Typed access by key. Without a default the key is required; an `optional…` one may be absent or `null`.
/// All throw `ConfigError` with path, place, what was wanted and what was found.
extension ConfigSection {
  /// A whole number.
  public func int(_ key: String, default value: Int? = nil) throws(ConfigError) -> Int {
    try required(key, "a whole number", value, { .int($0) }) { $0.int }
  }

  /// A whole number within `range`.
  public func int(
    _ key: String, default value: Int? = nil, in range: some RangeExpression<Int>
  ) throws(ConfigError) -> Int {
    try required(key, "a whole number " + wording(range), value, { .int($0) }) { $0.int.within(range) }
  }

  /// A number.
  public func float(_ key: String, default value: Double? = nil) throws(ConfigError) -> Double {
    try required(key, "a number", value, { .float($0) }) { $0.float }
  }

  /// A number within `range`.
  public func float(
    _ key: String, default value: Double? = nil, in range: some RangeExpression<Double>
  ) throws(ConfigError) -> Double {
    try required(key, "a number " + wording(range), value, { .float($0) }) { $0.float.within(range) }
  }

  /// `true` or `false`.
  public func bool(_ key: String, default value: Bool? = nil) throws(ConfigError) -> Bool {
    try required(key, "true or false", value, { .bool($0) }) { $0.bool }
  }

  /// A text; a number is taken as it is written.
  public func string(_ key: String, default value: String? = nil) throws(ConfigError) -> String {
    try required(key, "a text", value, { .string($0) }) { $0.string }
  }

  /// The path of a file or folder; a leading `~/` is the home folder, a relative path starts at the working directory.
  public func path(_ key: String, default value: String? = nil) throws(ConfigError) -> String {
    NSString(string: try required(key, "a path", value, { .string($0) }) { $0.string }).expandingTildeInPath
  }

  /// An interval: a number of steps, `1 epoch`, `5 %` (of the run).
  public func interval(_ key: String, default value: Interval? = nil) throws(ConfigError) -> Interval {
    try required(key, Self.intervalWording, value, Self.value) { $0.string.flatMap { Interval($0) } }
  }

  /// One of the names in `names`; `kind` says in the error what they are names of.
  public func choice(
    _ key: String, among names: some Collection<String>, default value: String? = nil, kind: String = "choice"
  ) throws(ConfigError) -> String {
    let name = try string(key, default: value)
    guard names.contains(name) else { throw unknownName(key, kind: kind, found: name, known: names) }
    describe(key, names.sorted().joined(separator: ", "))
    return name
  }
}

extension ConfigSection {
  /// A whole number, or `nil` where there is none.
  public func optionalInt(_ key: String) throws(ConfigError) -> Int? {
    try optional(key, "a whole number", { .int($0) }) { $0.int }
  }

  /// A whole number within `range`, or `nil` where there is none.
  public func optionalInt(_ key: String, in range: some RangeExpression<Int>) throws(ConfigError) -> Int? {
    try optional(key, "a whole number " + wording(range), { .int($0) }) { $0.int.within(range) }
  }

  /// A number, or `nil` where there is none.
  public func optionalFloat(_ key: String) throws(ConfigError) -> Double? {
    try optional(key, "a number", { .float($0) }) { $0.float }
  }

  /// A number within `range`, or `nil` where there is none.
  public func optionalFloat(_ key: String, in range: some RangeExpression<Double>) throws(ConfigError) -> Double? {
    try optional(key, "a number " + wording(range), { .float($0) }) { $0.float.within(range) }
  }

  /// `true` or `false`, or `nil` where there is none.
  public func optionalBool(_ key: String) throws(ConfigError) -> Bool? {
    try optional(key, "true or false", { .bool($0) }) { $0.bool }
  }

  /// A text, or `nil` where there is none.
  public func optionalString(_ key: String) throws(ConfigError) -> String? {
    try optional(key, "a text", { .string($0) }) { $0.string }
  }

  /// The path of a file or folder, or `nil` where there is none.
  public func optionalPath(_ key: String) throws(ConfigError) -> String? {
    try optional(key, "a path", { .string($0) }) { $0.string }.map { NSString(string: $0).expandingTildeInPath }
  }

  /// An interval, or `nil` where there is none.
  public func optionalInterval(_ key: String) throws(ConfigError) -> Interval? {
    try optional(key, Self.intervalWording, Self.value) { $0.string.flatMap { Interval($0) } }
  }
}

extension ConfigSection {
  private static let intervalWording = "a number of steps, or text such as '1 epoch' or '5 %'"

  private static func value(of interval: Interval) -> ConfigValue {
    if case .steps(let steps) = interval { return .int(steps) }
    return .string(interval.description)
  }

  func required<Value>(
    _ key: String, _ wanted: String, _ value: Value?, _ literal: (Value) -> ConfigValue,
    _ read: (ConfigNode) -> Value?
  ) throws(ConfigError) -> Value {
    let result: Value
    if let node = nodes[key] {
      guard let found = read(node) else { throw wrong(key, wanted: wanted, node) }
      result = found
    } else {
      guard let value else { throw missing(key, wanted: wanted) }
      result = value
    }
    record(key, literal(result), wanted: wanted)
    return result
  }

  func optional<Value>(
    _ key: String, _ wanted: String, _ literal: (Value) -> ConfigValue, _ read: (ConfigNode) -> Value?
  ) throws(ConfigError) -> Value? {
    guard contains(key) else {
      record(key, .null, wanted: wanted)
      return nil
    }
    return try required(key, wanted, nil, literal, read)
  }
}

extension Optional {
  func within(_ range: some RangeExpression<Wrapped>) -> Wrapped? where Wrapped: Comparable {
    flatMap { range.contains($0) ? $0 : nil }
  }
}

/// A range in words, to follow "a whole number".
func wording<Bound>(_ range: some RangeExpression<Bound>) -> String {
  func text(_ bound: Bound) -> String { (bound as? Double).map(ConfigNode.text) ?? "\(bound)" }
  return switch range {
  case let range as PartialRangeFrom<Bound>: ">= \(text(range.lowerBound))"
  case let range as PartialRangeThrough<Bound>: "<= \(text(range.upperBound))"
  case let range as PartialRangeUpTo<Bound>: "< \(text(range.upperBound))"
  case let range as ClosedRange<Bound>: "from \(text(range.lowerBound)) to \(text(range.upperBound))"
  case let range as Range<Bound>: ">= \(text(range.lowerBound)) and < \(text(range.upperBound))"
  default: "in \(range)"
  }
}
