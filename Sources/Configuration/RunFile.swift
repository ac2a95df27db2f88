import Foundation

/// What a training run is told: a YAML file of seven sections, with the overrides of the command line.
///
/// ```yaml
/// model: {name: resnet50, attention: cbam}
/// data: {root: imagenet, batch: 256}
/// run: {epochs: 90, evaluate_every: 1 epoch}
/// ```
/// There is no inheritance and no inclusion: what is not written takes the default of whoever reads it. After all
/// readers `finish()` refuses what nobody has read and `resolvedYAML()` is the complete file.
public struct RunFile {
  /// The sections that a run file may have, in the order of a good one.
  public static let sectionNames = ["model", "data", "task", "optimizer", "schedule", "distributed", "run"]

  /// The name in error sentences.
  public let file: String
  /// The whole file as a section.
  public let root: ConfigSection

  /// Reads the file at `path`, then applies `overrides` (`key.path=value`) in their order.
  /// - Throws: `ConfigError`, also when the file cannot be read.
  public init(contentsOf path: String, overrides: [String] = []) throws(ConfigError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let isThere = FileManager.default.fileExists(atPath: path)
      throw ConfigError(
        place: ConfigPlace(file: path), path: "",
        problem: .unreadable(isThere ? "no permission, or a folder" : "no such file"))
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw ConfigError(place: ConfigPlace(file: path), path: "", problem: .malformed("it is not UTF-8 text"))
    }
    try self.init(text: text, file: path, overrides: overrides)
  }

  /// Reads `text`, which errors call `file`, then applies `overrides` (`key.path=value`) in their order.
  public init(text: String, file: String = "run file", overrides: [String] = []) throws(ConfigError) {
    let document = try YAMLReader.read(text) { ConfigPlace(file: file, line: $0) }
    guard case .mapping(var nodes) = document.isNull ? .mapping([:]) : document.content else {
      throw ConfigError(
        place: document.place, path: "",
        problem: .malformed("wanted sections such as 'model:', found \(document.found)"))
    }
    for override in overrides { try Self.apply(override, to: &nodes) }
    for (name, node) in nodes.sorted(by: { $0.key < $1.key }) where !Self.sectionNames.contains(name) {
      throw ConfigError(place: node.place, path: name, problem: .unknownKey(known: Self.sectionNames))
    }
    self.file = file
    root = ConfigSection(path: "", place: ConfigPlace(file: file), nodes: nodes)
  }

  /// One of the seven sections; empty where the file does not have it.
  public func section(_ name: String) throws(ConfigError) -> ConfigSection { try root.section(name) }

  /// Takes a section from `other`, with what has been read of it, in place of its own: for a run that differs from
  /// another elsewhere.
  public func adopt(_ name: String, of other: RunFile) throws(ConfigError) {
    root.adopt(try other.section(name), at: name)
  }

  /// Ends the reading.
  /// - Throws: `ConfigError` for the first key that was written and that nobody has read.
  public func finish() throws(ConfigError) { try root.finish() }

  /// The file as it was understood: every value that was read, defaults included, and what has not been read as
  /// written.
  ///
  /// Equal configurations give equal bytes, whatever the order, spacing and comments of the file.
  public func resolvedYAML() -> String {
    let resolved = root.resolved
    return Self.sectionNames.compactMap { name in
      resolved[name].flatMap { node in
        if case .mapping(let below) = node.content, below.isEmpty { return nil }
        return YAMLWriter.block([name: node])
      }
    }.joined(separator: "\n")
  }
}

extension RunFile {
  /// Replaces or adds one value; sections on the way are made, a short name (`attention: cbam`) becomes one.
  private static func apply(_ override: String, to nodes: inout [String: ConfigNode]) throws(ConfigError) {
    let parts = override.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !keys.contains(where: \.isEmpty) else {
      throw ConfigError(
        place: .commandLine, path: "",
        problem: .wrongValue(wanted: "key.path=value", found: "'\(excerpt(override))'"))
    }
    // Each level is one call of `set`.
    guard keys.count <= 32 else {
      throw ConfigError(place: .commandLine, path: excerpt(String(parts[0])), problem: .invalid("more than 32 levels"))
    }
    let value = try YAMLReader.read(String(parts[1])) { _ in .commandLine }
    try set(value, at: keys[...], of: &nodes, path: [])
  }

  private static func set(
    _ value: ConfigNode, at keys: ArraySlice<String>, of nodes: inout [String: ConfigNode], path: [String]
  ) throws(ConfigError) {
    guard let key = keys.first else { return }
    guard keys.count > 1 else {
      nodes[key] = value
      return
    }
    let node = nodes[key] ?? ConfigNode(.mapping([:]), at: .commandLine)
    guard var below = node.mapping else {
      throw ConfigError(
        place: .commandLine, path: (path + [key]).joined(separator: "."),
        problem: .wrongValue(
          wanted: "a section to set '\(keys.dropFirst().joined(separator: "."))' in", found: node.found))
    }
    try set(value, at: keys.dropFirst(), of: &below, path: path + [key])
    nodes[key] = ConfigNode(.mapping(below), at: node.place)
  }
}

extension ConfigSection {
  /// What was read, and as written what was not.
  var resolved: [String: ConfigNode] {
    nodes.merging(taken) { _, taken in taken }
      .merging(sections.mapValues { ConfigNode(.mapping($0.resolved), at: $0.place) }) { _, section in section }
      .merging(
        sectionLists.mapValues { list in
          ConfigNode(.list(list.map { ConfigNode(.mapping($0.resolved), at: $0.place) }), at: place)
        }
      ) { _, list in list }
  }
}
