import Configuration
import Foundation
import Graphs
import Safetensors

/// A file of reference numbers: what a published implementation computed, and what it was built with.
///
/// Keys are `param.<name>`, `buffer.<name>`, `input.<k>`, `eval.output.<k>`, and in training `train.output.<k>`,
/// `train.grad_output.<k>` (given), `train.grad_input.<k>`, `train.grad.<name>`, `train.buffer.<name>`. Activations lie
/// as the reference has them: as the option `layout` says, else `[N, C, H, W]`, clips `[N, C, T, H, W]`, tokens
/// `[N, L, C]`. Every key that is read is remembered, so that what
/// nobody read can be named in the end. Used where it is made, on one thread.
public final class Fixture {
  /// The reference that the numbers come from, and the network: `cbam`.
  public let system: String
  /// Which of the system's cases this is; a label only.
  public let variant: String
  /// Strings beside the tensors.
  public let metadata: [String: String]
  /// The keys that nobody has read yet.
  public private(set) var unread: Set<String>
  private let file: SafetensorsFile

  /// Opens the file.
  /// - Throws: `SafetensorsError` for a malformed file, `FixtureError` for one that is no fixture.
  public init(path: String) throws {
    file = try SafetensorsFile(path: path)
    metadata = file.metadata
    guard let system = metadata["system"], let variant = metadata["variant"] else {
      throw FixtureError("metadata", wanted: "'system' and 'variant'", found: "\(metadata.keys.sorted())")
    }
    (self.system, self.variant) = (system, variant)
    unread = Set(file.names)
  }

  /// Whether the file has this key.
  public func contains(_ key: String) -> Bool { file.contains(key) }

  /// The names under a prefix such as `param.`, in alphabetical order.
  public func names(under prefix: String) -> [String] {
    file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }

  /// The number of tensors `prefix0`, `prefix1`, …
  /// - Throws: `FixtureError` when they are numbered otherwise.
  public func count(of prefix: String) throws -> Int {
    let names = names(under: prefix)
    guard Set(names) == Set(names.indices.map(String.init)) else {
      throw FixtureError("\(prefix)…", wanted: "numbers from 0 on", found: "\(names)")
    }
    return names.count
  }

  /// The shape in the file.
  public func shape(_ key: String) throws -> [Int] { try file.info(key).shape }

  /// The elements in the file's own order.
  public func floats(_ key: String) throws -> [Float] {
    let values = try file.floats(key)
    unread.remove(key)
    return values
  }

  /// The elements of a tensor of whole numbers: labels, indices, counters.
  public func integers(_ key: String) throws -> [Int] {
    let values = try file.integers(key)
    unread.remove(key)
    return values
  }

  /// How an activation lies in the file; in memory its channels are innermost.
  /// - Throws: `FixtureError` for a shape that no activation of ours can have.
  public func activationLayout(_ key: String) throws -> FileLayout {
    let shape = try shape(key)
    guard shape.count <= 8, shape.allSatisfy({ (1...1 << 24).contains($0) }) else {
      throw FixtureError(key, wanted: "up to eight extents of at least 1", found: "\(shape)")
    }
    guard let channels = try channelAxis(shape, key) else { return .same(shape) }
    return FileLayout(shape: shape, axes: shape.indices.filter { $0 != channels } + [channels])
  }

  /// The axis of the channels: where `layout`, axes in words such as `B, C, T`, has C or D; else by the number of axes.
  private func channelAxis(_ shape: [Int], _ key: String) throws -> Int? {
    guard case .string(let text)? = try words()["layout"] else { return shape.count == 4 || shape.count == 5 ? 1 : nil }
    let axes = text.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }
    guard axes.count == shape.count, let axis = axes.firstIndex(where: { $0 == "C" || $0 == "D" }) else {
      throw FixtureError(key, wanted: "the axes '\(text)', C or D among them, as the options say", found: "\(shape)")
    }
    return axis
  }

  /// The channels of the first input.
  public func inputChannels() throws -> Int {
    let layout = try activationLayout("input.0")
    return layout.axes.last.map { layout.shape[$0] } ?? 1
  }
}

extension Fixture {
  /// Entries that describe a case without changing what is computed.
  private static let descriptions: Set<String> = [
    "what", "module", "input", "seed", "notes", "note", "downsample", "params", "source", "precision",
  ]

  /// What was built, as a section that knows which of its keys have been read.
  ///
  /// Entries that only describe are left out, and the layout, which the fixture itself goes by; every other one must be
  /// read by whoever builds the twin, or be refused by the section's `finish`.
  public func config() throws -> ConfigSection {
    ConfigSection(try words().filter { !Self.descriptions.contains($0.key) && $0.key != "layout" })
  }

  private func words() throws -> [String: ConfigValue] {
    guard let text = metadata["config"],
      case .section(let entries)? = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)).value
    else {
      throw FixtureError(
        "metadata 'config'", wanted: "a JSON object", found: metadata["config"].map { "'\($0.prefix(60))'" } ?? "none")
    }
    return entries
  }

  /// Metadata entry `name`, decoded; `nil` where there is none.
  func decoded<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value? {
    guard let text = metadata[name], !text.isEmpty else { return nil }
    guard let value = try? JSONDecoder().decode(type, from: Data(text.utf8)) else {
      throw FixtureError("metadata '\(name)'", wanted: "JSON of the documented form", found: "'\(text.prefix(60))'")
    }
    return value
  }
}

/// Any JSON value, in the words of a run file.
private struct JSONValue: Decodable {
  let value: ConfigValue

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      value = .null
    } else if let bool = try? container.decode(Bool.self) {
      value = .bool(bool)
    } else if let int = try? container.decode(Int.self) {
      value = .int(int)
    } else if let float = try? container.decode(Double.self) {
      value = .float(float)
    } else if let string = try? container.decode(String.self) {
      value = .string(string)
    } else if let list = try? container.decode([JSONValue].self) {
      value = .list(list.map(\.value))
    } else {
      value = .section(try container.decode([String: JSONValue].self).mapValues(\.value))
    }
  }
}
