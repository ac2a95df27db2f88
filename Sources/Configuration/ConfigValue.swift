/// A value as one writes it in code: `["name": "cbam", "reduction": 16]`. For catalogues and tests.
public enum ConfigValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case list([ConfigValue])
  case section([String: ConfigValue])
}

extension ConfigValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .float(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: ConfigValue...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, ConfigValue)...) {
    self = .section(Dictionary(elements) { _, last in last })
  }
}

/// A value of a run file and where it was written.
struct ConfigNode: Hashable {
  enum Content: Hashable {
    /// Typed when it is read, because only the reader knows what it wants: `1e-3` is a number to one, text to another.
    case scalar(String, isQuoted: Bool)
    case list([ConfigNode])
    case mapping([String: ConfigNode])
  }

  var content: Content
  var place: ConfigPlace

  init(_ content: Content, at place: ConfigPlace) {
    self.content = content
    self.place = place
  }

  init(_ value: ConfigValue, at place: ConfigPlace = ConfigPlace()) {
    self.place = place
    content =
      switch value {
      case .null: .scalar("null", isQuoted: false)
      case .bool(let value): .scalar(String(value), isQuoted: false)
      case .int(let value): .scalar(String(value), isQuoted: false)
      case .float(let value): .scalar(Self.text(of: value), isQuoted: false)
      case .string(let value): .scalar(value, isQuoted: true)
      case .list(let values): .list(values.map { ConfigNode($0, at: place) })
      case .section(let values): .mapping(values.mapValues { ConfigNode($0, at: place) })
      }
  }

  /// The shortest text that reads back as the same number, without a useless `.0`.
  static func text(of value: Double) -> String {
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `null`, `~` or nothing at all after the colon.
  var isNull: Bool {
    if case .scalar(let text, isQuoted: false) = content { return ["", "~", "null"].contains(text) }
    return false
  }

  /// What stands here, for the `found …` of a sentence.
  var found: String {
    switch content {
    case .scalar where isNull: "nothing"
    case .scalar(let text, isQuoted: true): "the text '\(excerpt(text))'"
    case .scalar(let text, isQuoted: false): "'\(excerpt(text))'"
    case .list(let nodes): "a list of \(nodes.count)"
    case .mapping: "a section"
    }
  }

  /// The section that stands here; the short text `cbam` is the section `{name: cbam}`.
  var mapping: [String: ConfigNode]? {
    switch content {
    case .mapping(let nodes): nodes
    case .scalar where isNull: [:]
    case .scalar: ["name": self]
    case .list: nil
    }
  }
}

extension ConfigNode {
  var string: String? {
    guard case .scalar(let text, _) = content, !isNull else { return nil }
    return text
  }

  /// A number in quotes is text: whoever quoted it meant that.
  private var plainText: String? {
    guard case .scalar(let text, isQuoted: false) = content else { return nil }
    return text
  }

  var int: Int? { plainText.flatMap { Int($0) } }

  var float: Double? {
    // `Double` also reads `nan`, `infinity` and hexadecimal; a run file does not mean them.
    guard let text = plainText, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }

  var bool: Bool? { plainText.flatMap { Bool($0) } }

  func list<Element>(of element: (ConfigNode) -> Element?) -> [Element]? {
    guard case .list(let nodes) = content else { return nil }
    let elements = nodes.compactMap(element)
    return elements.count == nodes.count ? elements : nil
  }
}
