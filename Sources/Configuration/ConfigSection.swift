/// A section of a run file: it knows its dotted path, which of its keys have been read, and what was read.
///
/// ```swift
/// let batch = try data.int("batch", default: 128, in: 1...)
/// let attention = try model.section("attention")        // `attention: cbam` is `attention: {name: cbam}`
/// try runFile.finish()                                  // refuses whatever nobody has read
/// ```
/// A key that is read twice with different defaults keeps the latest. Sections are used where they are made, on one
/// thread.
public final class ConfigSection: ExpressibleByDictionaryLiteral {
  /// The dotted path from the top of the file: `model.attention`; empty for the file itself.
  public let path: String
  /// Where the section was written.
  public let place: ConfigPlace
  let nodes: [String: ConfigNode]
  private(set) var taken: [String: ConfigNode] = [:]
  /// In words, what the readers of a key wanted.
  private(set) var wants: [String: String] = [:]
  private(set) var sections: [String: ConfigSection] = [:]
  private(set) var sectionLists: [String: [ConfigSection]] = [:]

  init(path: String, place: ConfigPlace, nodes: [String: ConfigNode]) {
    self.path = path
    self.place = place
    self.nodes = nodes
  }

  /// A section made in code.
  public convenience init(_ values: [String: ConfigValue] = [:], path: String = "") {
    self.init(path: path, place: ConfigPlace(), nodes: values.mapValues { ConfigNode($0) })
  }

  /// A section made in code, where one is wanted: `["name": "cbam"]`.
  public convenience init(dictionaryLiteral elements: (String, ConfigValue)...) {
    self.init(Dictionary(elements) { _, last in last })
  }

  /// The section `{name: name}`, as the short text `cbam` in a run file means it.
  public convenience init(named name: String, path: String = "") { self.init(["name": .string(name)], path: path) }

  /// The keys that were written, in alphabetical order.
  public var keys: [String] { nodes.keys.sorted() }

  /// Whether the key was written, with something other than `null`.
  public func contains(_ key: String) -> Bool { nodes[key].map { !$0.isNull } ?? false }

  // MARK: Sections below

  /// The section at `key`; empty, so that everything takes its default, where the file has none.
  /// - Throws: `ConfigError` when a list stands there.
  public func section(_ key: String) throws(ConfigError) -> ConfigSection {
    if let known = sections[key] { return known }
    guard let node = nodes[key] else {
      return remember(ConfigSection(path: dotted(key), place: place, nodes: [:]), key)
    }
    guard let mapping = node.mapping else { throw wrong(key, wanted: "a section", node) }
    return remember(ConfigSection(path: dotted(key), place: node.place, nodes: mapping), key)
  }

  /// The section at `key`, or `nil` where the file has none or `null`.
  public func optionalSection(_ key: String) throws(ConfigError) -> ConfigSection? {
    if contains(key) { return try section(key) }
    taken[key] = ConfigNode(.null)
    return nil
  }

  /// The list of sections at `key`, each a section or a short name; `values` where the file has none.
  public func sections(_ key: String, default values: [ConfigValue] = []) throws(ConfigError) -> [ConfigSection] {
    if let known = sectionLists[key] { return known }
    var result: [ConfigSection] = []
    let node = nodes[key] ?? ConfigNode(.list(values), at: place)
    if !node.isNull {
      guard case .list(let items) = node.content else { throw wrong(key, wanted: "a list of sections", node) }
      for (index, item) in items.enumerated() {
        let path = "\(dotted(key))[\(index)]"
        guard let mapping = item.mapping, !item.isNull else {
          throw ConfigError(
            place: item.place, path: path, problem: .wrongValue(wanted: "a section or a name", found: item.found))
        }
        result.append(ConfigSection(path: path, place: item.place, nodes: mapping))
      }
    }
    sectionLists[key] = result
    return result
  }

  /// Takes `section`, with what has been read of it, for the section at `key`.
  func adopt(_ section: ConfigSection, at key: String) { sections[key] = section }

  private func remember(_ section: ConfigSection, _ key: String) -> ConfigSection {
    sections[key] = section
    return section
  }

  // MARK: The end of reading

  /// Ends the reading of this section and of all below it.
  /// - Throws: `ConfigError` for the first key (by line) that was written and that nobody has read.
  public func finish() throws(ConfigError) {
    if let error = unknownKeys().min(by: { ($0.place.line ?? 0, $0.path) < ($1.place.line ?? 0, $1.path) }) {
      throw error
    }
  }

  private func unknownKeys() -> [ConfigError] {
    let known = Set(taken.keys).union(sections.keys).union(sectionLists.keys)
    let own = nodes.filter { !known.contains($0.key) }.map { key, node in
      ConfigError(place: node.place, path: dotted(key), problem: .unknownKey(known: known.sorted()))
    }
    let below = sections.values.flatMap { $0.unknownKeys() } + sectionLists.values.joined().flatMap { $0.unknownKeys() }
    return own + below
  }

  // MARK: Errors

  /// The error for a value that is well formed but cannot be: `reason` is a clause such as "must divide 64 channels".
  public func error(_ key: String, _ reason: String) -> ConfigError {
    ConfigError(place: nodes[key]?.place ?? place, path: dotted(key), problem: .invalid(reason))
  }

  /// The error for a name at `key` that no catalogue has.
  public func unknownName(_ key: String, kind: String, found: String, known: some Sequence<String>) -> ConfigError {
    ConfigError(
      place: nodes[key]?.place ?? place, path: dotted(key),
      problem: .unknownName(kind: kind, found: found, known: known.sorted()))
  }

  func wrong(_ key: String, wanted: String, _ node: ConfigNode) -> ConfigError {
    ConfigError(place: node.place, path: dotted(key), problem: .wrongValue(wanted: wanted, found: node.found))
  }

  func missing(_ key: String, wanted: String) -> ConfigError {
    ConfigError(place: place, path: dotted(key), problem: .missing(wanted: wanted))
  }

  private func dotted(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// Marks the key as known and keeps what its reader got and wanted.
  func record(_ key: String, _ value: ConfigValue, wanted: String) {
    taken[key] = ConfigNode(value)
    wants[key] = wanted
  }

  // MARK: What a section takes

  /// A key of a section.
  public struct Option: Hashable, Sendable {
    public let key: String
    /// What was read, as a run file writes it: where nothing was written, the default.
    public let value: String
    /// What can stand there, in words.
    public let wanted: String
  }

  /// The keys that have been read, in alphabetical order, without the sections below: read from an empty section, what
  /// may be written there.
  public var options: [Option] {
    taken.sorted { $0.key < $1.key }.compactMap { key, node in
      wants[key].map { Option(key: key, value: YAMLWriter.flow(node), wanted: $0) }
    }
  }

  /// Says in words what stands at `key` where its reader wants more than a type, for `options`.
  public func describe(_ key: String, _ wanted: String) { wants[key] = wanted }
}
