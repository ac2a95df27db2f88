/// One line of `metrics.jsonl`: names and values in the order in which they are written.
public struct MetricRecord: Hashable, Sendable {
  /// What a field holds.
  public enum Value: Hashable, Sendable {
    case integer(Int)
    case number(Double)
    case text(String)
    case flag(Bool)

    /// A 32-bit number under its own shortest decimals: 2.3025851, not 2.3025850929940455.
    public static func number(_ value: Float) -> Value { .number(Double(value.description)!) }
  }

  public struct Field: Hashable, Sendable {
    public var name: String
    public var value: Value
  }

  /// No two have the same name.
  public private(set) var fields: [Field]

  public init() { fields = [] }

  /// A record that opens as all do: with its phase (`train`, `evaluate`, …) and its step.
  public init(phase: String, step: Int) {
    self = ["phase": .text(phase), "step": .integer(step)]
  }

  /// The value of a field. A new name goes to the end; `nil` removes the field.
  public subscript(name: String) -> Value? {
    get { fields.first { $0.name == name }?.value }
    set {
      switch (fields.firstIndex { $0.name == name }, newValue) {
      case (let index?, let value?): fields[index].value = value
      case (let index?, nil): fields.remove(at: index)
      case (nil, let value?): fields.append(Field(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// A field as a number, where it is one.
  public func number(_ name: String) -> Double? {
    switch self[name] {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .text, .flag, nil: nil
    }
  }

  /// The record as one JSON object, without a line break.
  ///
  /// JSON has no word for a number that is not finite: it becomes `null`, and `note` says which field it was and what
  /// it held, as in `"loss":null,"note":"loss is nan"`.
  public var json: String {
    var members: [String] = [], notes: [String] = []
    for field in fields {
      let text: String
      switch field.value {
      case .integer(let value): text = "\(value)"
      case .number(let value) where value.isFinite: text = "\(value)"
      case .number(let value):
        text = "null"
        notes.append("\(field.name) is \(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")")
      case .text(let value): text = quoted(value)
      case .flag(let value): text = value ? "true" : "false"
      }
      members.append("\(quoted(field.name)):\(text)")
    }
    if !notes.isEmpty { members.append("\"note\":\(quoted(notes.joined(separator: ", ")))") }
    return "{\(members.joined(separator: ","))}"
  }
}

extension MetricRecord: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, Value)...) {
    self.init()
    for (name, value) in elements { self[name] = value }
  }
}

extension MetricRecord.Value: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByBooleanLiteral
{
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .text(value) }
  public init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// A text as JSON writes it (RFC 8259, section 7).
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case _ where scalar.value < 0x20:
      let hex = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
