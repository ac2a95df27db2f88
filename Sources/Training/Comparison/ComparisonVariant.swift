import Configuration

/// One of the networks that are compared: a run file's network with another attention module.
public struct ComparisonVariant: Hashable, Sendable {
  /// What tables and pictures call it: `none`, `gc ratio=0.25`.
  public let label: String
  /// The setting that makes the run file's network this one: `model.attention={name: gc, ratio: 0.25}`.
  public let setting: String

  /// What runs of it are called on disk.
  public func folder(seed: UInt64) -> String {
    let name = label.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._=-".contains($0)) ? $0 : "_" }
    return "\(String(name))-seed\(seed)"
  }

  /// Reads a list such as `none,se,{name: gc, ratio: 0.25}`: names of the catalogue, or modules with their options in
  /// braces.
  /// - Throws: `ConfigError` for braces that do not match, an empty place, and a variant that comes twice.
  public static func list(_ text: String) throws(ConfigError) -> [ComparisonVariant] {
    var variants: [ComparisonVariant] = []
    for part in try parts(text) {
      let variant = ComparisonVariant(
        label: try label(part), setting: "model.attention=" + (part == "none" ? "null" : part))
      guard !variants.contains(where: { $0.folder(seed: 0) == variant.folder(seed: 0) }) else {
        throw refused(text, "each module once; '\(variant.label)' comes twice")
      }
      variants.append(variant)
    }
    return variants
  }

  /// `{name: gc, ratio: 0.25}` as `gc ratio=0.25`, the options in their order.
  private static func label(_ part: String) throws(ConfigError) -> String {
    guard part.hasPrefix("{") else { return part }
    var name = "", options: [String] = []
    for field in try parts(String(part.dropFirst().dropLast())) {
      let halves = field.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != " " } }
      if halves.first == "name" && halves.count == 2 { name = halves[1] } else {
        options.append(halves.joined(separator: "="))
      }
    }
    guard !name.isEmpty else { throw refused(part, "a module's name, as in {name: gc, ratio: 0.25}") }
    return ([name] + options).joined(separator: " ")
  }

  /// The text between the commas that stand in no brackets.
  private static func parts(_ text: String) throws(ConfigError) -> [String] {
    var parts = [""], depth = 0
    for character in text {
      if "{[".contains(character) { depth += 1 }
      if "}]".contains(character) { depth -= 1 }
      if depth < 0 { break }
      if character == "," && depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
    }
    guard depth == 0 else { throw refused(text, "brackets that match") }
    let trimmed = parts.map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    guard !trimmed.contains("") else { throw refused(text, "names with a comma between them") }
    return trimmed
  }

  private static func refused(_ text: String, _ wanted: String) -> ConfigError {
    ConfigError(path: "--attention", problem: .wrongValue(wanted: wanted, found: "'\(text)'"))
  }
}
