/// Where two run files differ, key by key: for a run that goes on, and for results that are put beside each other.
extension RunFile {
  /// A key under which two files have different values.
  public struct Difference: Hashable, Sendable, CustomStringConvertible {
    /// `optimizer.learning_rate`.
    public let path: String
    public let now: String
    public let then: String

    public var description: String { "\(path) is \(now), it was \(then)" }
  }

  /// The keys whose values differ from those of `other`, by their paths. Both are meant to have been read, or to be the
  /// text of resolved files. A key that only one has does not count: the other is of a program that did not know it;
  /// where the other has nothing (`null`) in its place it does.
  public func differences(from other: RunFile) -> [Difference] {
    let now = values, then = other.values
    func value(_ path: String, in values: [String: String]) -> String? {
      values[path] ?? (Self.sections(around: path).contains { values[$0] == "null" } ? "nothing" : nil)
    }
    return Set(now.keys).union(then.keys).sorted().compactMap { path in
      guard let here = value(path, in: now), let there = value(path, in: then), here != there else { return nil }
      return Difference(path: path, now: here, then: there)
    }
  }

  /// Each value that is no section, as the resolved file writes it, by its dotted path.
  private var values: [String: String] {
    var values: [String: String] = [:]
    func add(_ nodes: [String: ConfigNode], _ prefix: String) {
      for (key, node) in nodes {
        if case .mapping(let below) = node.content, !below.isEmpty { add(below, prefix + key + ".") } else {
          values[prefix + key] = YAMLWriter.flow(node)
        }
      }
    }
    add(root.resolved, "")
    return values
  }

  /// `model.attention` and `model` for `model.attention.name`.
  private static func sections(around path: String) -> [String] {
    path.indices.filter { path[$0] == "." }.map { String(path[..<$0]) }
  }
}
