import Foundation
import Yams

/// YAML text to nodes with their lines, within limits that no honest run file comes near and that keep a hostile one
/// from taking the stack or the memory.
struct YAMLReader {
  private static let largestBytes = 1 << 20
  private static let deepestLevel = 32
  private static let mostNodes = 50_000

  let place: (Int?) -> ConfigPlace
  private var nodeCount = 0

  /// The single document of `text`; `place` says what a line of it is called.
  static func read(_ text: String, place: @escaping (Int?) -> ConfigPlace) throws(ConfigError) -> ConfigNode {
    var reader = YAMLReader(place: place)
    guard text.utf8.count <= largestBytes else {
      throw reader.malformed("\(text.utf8.count) bytes are more than \(largestBytes)", nil)
    }
    // Before parsing: the parser compares keys as whole trees, so nested aliases as keys cost it exponential time.
    if let line = lineOfAnchor(text) { throw reader.anchorError(line) }
    do {
      guard let root = try Parser(yaml: text, resolver: .basic).singleRoot() else {
        return ConfigNode(.null, at: place(nil))
      }
      return try reader.node(root, level: 0)
    } catch let error as ConfigError {
      throw error
    } catch let error as YamlError {
      throw reader.error(from: error, text)
    } catch {
      throw reader.malformed("\(error)", nil)
    }
  }

  private init(place: @escaping (Int?) -> ConfigPlace) { self.place = place }

  private mutating func node(_ node: Node, level: Int) throws(ConfigError) -> ConfigNode {
    let line = node.mark?.line
    nodeCount += 1
    guard nodeCount <= Self.mostNodes else { throw malformed("more than \(Self.mostNodes) values", line) }
    guard level <= Self.deepestLevel else { throw malformed("nested deeper than \(Self.deepestLevel) levels", line) }
    switch node {
    case .scalar(let scalar):
      return ConfigNode(
        .scalar(scalar.string, isQuoted: scalar.style != .plain && scalar.style != .any), at: place(line))
    case .sequence(let sequence):
      var items: [ConfigNode] = []
      for item in sequence { items.append(try self.node(item, level: level + 1)) }
      return ConfigNode(.list(items), at: place(line))
    case .mapping(let mapping):
      var nodes: [String: ConfigNode] = [:]
      for (key, value) in mapping {
        guard case .scalar(let name) = key, !name.string.isEmpty else {
          throw malformed("a key is a word", key.mark?.line ?? line)
        }
        var value = try self.node(value, level: level + 1)
        // A block's own mark is its first line's; the key is where a reader looks.
        value.place = place(key.mark?.line ?? line)
        guard nodes.updateValue(value, forKey: name.string) == nil else {
          throw malformed("key '\(excerpt(name.string))' occurs twice", key.mark?.line)
        }
      }
      return ConfigNode(.mapping(nodes), at: place(line))
    case .alias: throw anchorError(line)
    }
  }

  private func anchorError(_ line: Int?) -> ConfigError {
    malformed("anchors (&name) and aliases (*name) are not used here", line)
  }

  /// The first line with `&name` where a value may begin, outside comments. Quotes are not followed: a quoted ` &name`
  /// is refused as well, which is rarer than a mistake in following them would be.
  private static func lineOfAnchor(_ text: String) -> Int? {
    var line = 1
    var previous = UInt8(ascii: "\n")
    var inComment = false
    var afterAmpersand = false
    for byte in text.utf8 {
      if afterAmpersand, byte > UInt8(ascii: " ") { return line }
      let mayBegin = " \t\n\r[{,:?".utf8.contains(previous)
      switch byte {
      case UInt8(ascii: "\n"):
        line += 1
        inComment = false
      case UInt8(ascii: "#") where mayBegin: inComment = true
      default: break
      }
      afterAmpersand = byte == UInt8(ascii: "&") && mayBegin && !inComment
      previous = byte
    }
    return nil
  }

  private func malformed(_ reason: String, _ line: Int?) -> ConfigError {
    ConfigError(place: place(line), path: "", problem: .malformed(reason))
  }

  private func error(from error: YamlError, _ text: String) -> ConfigError {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      malformed([context?.text, problem].compactMap { $0 }.joined(separator: ", "), mark.line)
    case .reader(let problem, let offset, _, _):
      malformed(problem, offset.map { 1 + text.prefix($0).count(where: \.isNewline) })
    case .duplicatedKeysInMapping(let keys, let context):
      malformed("key '\(excerpt(keys.first ?? ""))' occurs twice", context.mark.line)
    default:
      malformed("the YAML parser gave up", nil)
    }
  }
}
