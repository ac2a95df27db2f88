/// Nodes to YAML in one fixed form: sections as blocks, lists in brackets, `name` first and the other keys in
/// alphabetical order, so that equal values give equal bytes.
enum YAMLWriter {
  static func block(_ nodes: [String: ConfigNode], level: Int = 0) -> String {
    keys(nodes).map { key in
      let start = String(repeating: "  ", count: level) + scalar(key, isQuoted: true) + ":"
      guard let node = nodes[key] else { return "" }
      if case .mapping(let below) = node.content, !below.isEmpty {
        return start + "\n" + block(below, level: level + 1)
      }
      return start + " " + flow(node) + "\n"
    }.joined()
  }

  static func flow(_ node: ConfigNode) -> String {
    switch node.content {
    case .scalar where node.isNull: "null"
    case .scalar(let text, let isQuoted): scalar(text, isQuoted: isQuoted)
    case .list(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
    case .mapping(let nodes):
      "{"
        + keys(nodes).compactMap { key in nodes[key].map { scalar(key, isQuoted: true) + ": " + flow($0) } }
        .joined(separator: ", ") + "}"
    }
  }

  private static func keys(_ nodes: [String: ConfigNode]) -> [String] {
    nodes.keys.sorted { ($0 == "name" ? 0 : 1, $0) < ($1 == "name" ? 0 : 1, $1) }
  }

  /// The text without quotes where it reads back as the same text, else in double quotes.
  private static func scalar(_ text: String, isQuoted: Bool) -> String {
    let plain = ConfigNode(.scalar(text, isQuoted: false), at: ConfigPlace())
    let looksTyped = plain.isNull || plain.float != nil || ["true", "false"].contains(text)
    if isPlain(text), !isQuoted || !looksTyped { return text }
    let escaped = text.unicodeScalars.map { character in
      switch character {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\n": "\\n"
      case "\t": "\\t"
      case _ where character.value < 0x20 || (0x7f...0xa0).contains(character.value):
        "\\x" + (character.value < 16 ? "0" : "") + String(character.value, radix: 16)
      case "\u{2028}": "\\L"
      case "\u{2029}": "\\P"
      case "\u{feff}": "\\uFEFF"
      default: String(Character(character))
      }
    }
    return "\"" + escaped.joined() + "\""
  }

  private static func isPlain(_ text: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { [0x30...0x39, 0x41...0x5a, 0x61...0x7a].contains { $0.contains(byte) } }
    guard let first = text.utf8.first, let last = text.utf8.last else { return false }
    let inside = text.utf8.allSatisfy { isLetter($0) || "_./+-~% ".utf8.contains($0) }
    let startsWell =
      isLetter(first) || "_./".utf8.contains(first) || (first == UInt8(ascii: "-") && Double(text) != nil)
    // Yams' and other readers' words for true, false and nothing.
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
    let isWord = words.contains(text.lowercased()) && !["true", "false", "null"].contains(text)
    return inside && startsWell && last != UInt8(ascii: " ") && !isWord && !text.hasPrefix("...")
  }
}
