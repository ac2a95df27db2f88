/// Lists and enumerations by key, with the rules of single values: no default means required, errors say what was
/// wanted.
extension ConfigSection {
  /// A list of whole numbers; of exactly `count` where that is given.
  public func ints(_ key: String, default value: [Int]? = nil, count: Int? = nil) throws(ConfigError) -> [Int] {
    try list(key, "whole numbers", value, count, { .int($0) }) { $0.int }
  }

  /// A list of whole numbers within `range`.
  public func ints(
    _ key: String, default value: [Int]? = nil, count: Int? = nil, in range: some RangeExpression<Int>
  ) throws(ConfigError) -> [Int] {
    try list(key, "whole numbers " + wording(range), value, count, { .int($0) }) { $0.int.within(range) }
  }

  /// A list of numbers; of exactly `count` where that is given.
  public func floats(
    _ key: String, default value: [Double]? = nil, count: Int? = nil
  ) throws(ConfigError) -> [Double] {
    try list(key, "numbers", value, count, { .float($0) }) { $0.float }
  }

  /// A list of numbers within `range`.
  public func floats(
    _ key: String, default value: [Double]? = nil, count: Int? = nil, in range: some RangeExpression<Double>
  ) throws(ConfigError) -> [Double] {
    try list(key, "numbers " + wording(range), value, count, { .float($0) }) { $0.float.within(range) }
  }

  /// A list of texts; of exactly `count` where that is given.
  public func strings(
    _ key: String, default value: [String]? = nil, count: Int? = nil
  ) throws(ConfigError) -> [String] {
    try list(key, "texts", value, count, { .string($0) }) { $0.string }
  }

  private func list<Element>(
    _ key: String, _ elements: String, _ value: [Element]?, _ count: Int?,
    _ literal: (Element) -> ConfigValue, _ element: (ConfigNode) -> Element?
  ) throws(ConfigError) -> [Element] {
    let wanted = "a list of " + (count.map { "\($0) " } ?? "") + elements
    return try required(key, wanted, value, { .list($0.map(literal)) }) { node in
      node.list(of: element).flatMap { count == nil || $0.count == count ? $0 : nil }
    }
  }
}

extension ConfigSection {
  /// The case of an enumeration whose raw value is written; `kind` says in the error what the cases are.
  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, among type: Choice.Type = Choice.self, default value: Choice? = nil, kind: String = "choice"
  ) throws(ConfigError) -> Choice {
    let choice = try known(type, key, kind, try string(key, default: value?.rawValue))
    describe(key, type.allCases.map(\.rawValue).joined(separator: ", "))
    return choice
  }

  /// The cases of an enumeration whose raw values are listed.
  public func choices<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, among type: Choice.Type = Choice.self, default value: [Choice]? = nil, kind: String = "choice"
  ) throws(ConfigError) -> [Choice] {
    var choices: [Choice] = []
    for name in try strings(key, default: value?.map(\.rawValue)) { choices.append(try known(type, key, kind, name)) }
    describe(key, "a list of " + type.allCases.map(\.rawValue).joined(separator: ", "))
    return choices
  }

  private func known<Choice: RawRepresentable<String> & CaseIterable>(
    _ type: Choice.Type, _ key: String, _ kind: String, _ name: String
  ) throws(ConfigError) -> Choice {
    guard let choice = Choice(rawValue: name) else {
      throw unknownName(key, kind: kind, found: name, known: type.allCases.map(\.rawValue))
    }
    return choice
  }
}
