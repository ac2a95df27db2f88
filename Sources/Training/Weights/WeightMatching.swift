import Communication
import Safetensors

/// How the tensors of a file and of a network meet.
public struct WeightMatching: Hashable, Sendable {
  /// A tensor of one side that the other lacks.
  public struct Tensor: Hashable, Sendable {
    public let name: String
    public let shape: [Int]

    init(_ name: String, _ shape: [Int]) {
      self.name = name
      self.shape = shape
    }
  }

  /// A tensor of both.
  public struct Pair: Hashable, Sendable {
    /// Name and shape in the network.
    public let path: String
    public let shape: [Int]
    /// Name and shape in the file.
    public let name: String
    public let found: [Int]
  }

  public let path: String
  public var matched: [Pair] = []
  /// In both, with shapes that cannot be the same numbers.
  public var misshapen: [Pair] = []
  /// In the network, not in the file.
  public var missing: [Tensor] = []
  /// In the file, not in the network.
  public var leftOver: [Tensor] = []
  /// The classifier's, which keep their start as the run file says.
  public var fresh: [Tensor] = []
  /// Tensors of the file that were not asked for, outside the prefix.
  public var outsideCount = 0

  init(path: String) { self.path = path }

  /// Whether a run may start from the file.
  public func isGood(_ tolerance: WeightFile.Tolerance) -> Bool {
    misshapen.isEmpty && (missing.isEmpty || tolerance.allowsMissing)
      && (leftOver.isEmpty || tolerance.allowsLeftOver)
  }

  /// The counts, for a log: `weights of resnet50.pth: 318 tensors match, 2 start anew, 3 left over`.
  public var sentence: String {
    let parts = [
      (matched.count, "match"), (misshapen.count, "of another shape"), (missing.count, "missing"),
      (fresh.count, "start anew"), (leftOver.count, "left over"), (outsideCount, "outside the prefix"),
    ].filter { $0.0 > 0 || $0.1 == "match" }
    let counts = parts.map { count, what in what == "match" ? "\(count.of("tensor")) \(what)" : "\(count) \(what)" }
    return "weights of \(path.oneLine()): \(counts.joined(separator: ", "))"
  }

  /// Whatever did not simply match: a row for each tensor, or for each beginning of names where there are many.
  public var table: SummaryTable? {
    let renamed = matched.filter { $0.path != $0.name && !$0.name.hasSuffix("." + $0.path) }
    var rows: [[String]] = []
    rows += misshapen.map { [$0.path.oneLine(), "", "another shape", "\($0.found), the network's \($0.shape)"] }
    rows += Self.rows(missing, "missing from the file") + Self.rows(fresh, "starts anew")
    rows += Self.rows(leftOver, "left over")
    rows += Self.rows(renamed.map { Tensor($0.name, $0.found) }, "under another name")
    guard !rows.isEmpty else { return nil }
    return SummaryTable(
      columns: [.init("tensor"), .init("tensors", .right), .init("what"), .init("shape")], rows: rows)
  }

  /// At most so many rows of one kind.
  private static let mostRows = 12

  /// A row for each tensor; where those would be too many, for each first word of their names.
  private static func rows(_ tensors: [Tensor], _ what: String) -> [[String]] {
    if tensors.count <= mostRows {
      return tensors.map { [$0.name.oneLine(), "1", what, "\($0.shape)".oneLine(upTo: 60)] }
    }
    let groups = Dictionary(grouping: tensors) { $0.name.prefix { $0 != "." } }.sorted { $0.key < $1.key }
    let shown = groups.prefix(groups.count > mostRows ? mostRows - 1 : mostRows)
    var rows = shown.map { word, members in ["\(String(word).oneLine()).*", "\(members.count)", what, ""] }
    let rest = groups.dropFirst(shown.count)
    if !rest.isEmpty {
      rows.append(["\(rest.count) more beginnings", "\(rest.reduce(0) { $0 + $1.value.count })", what, ""])
    }
    return rows
  }
}

/// Weights that do not fit a network name by name.
public struct WeightError: Error, Hashable, Sendable, CustomStringConvertible {
  public let matching: WeightMatching
  /// What was to be allowed and is not the trouble.
  private let tolerance: WeightFile.Tolerance
  private let head: String?

  init(_ matching: WeightMatching, _ tolerance: WeightFile.Tolerance, head: String?) {
    self.matching = matching
    self.tolerance = tolerance
    self.head = head
  }

  public var description: String {
    func list<Item>(_ items: [Item], _ text: (Item) -> String) -> String {
      items.prefix(4).map { text($0).oneLine() }.joined(separator: ", ") + (items.count > 4 ? ", …" : "")
    }
    var parts: [String] = []
    let (missing, leftOver, misshapen) = (matching.missing, matching.leftOver, matching.misshapen)
    if !misshapen.isEmpty {
      let shapes = list(misshapen) { "\($0.name) is \($0.found), the network's \($0.shape)" }
      parts.append("\(misshapen.count) of another shape (\(shapes))")
    }
    if !missing.isEmpty && !tolerance.allowsMissing {
      parts.append("\(missing.count) missing (\(list(missing, \.name)))")
    }
    if !leftOver.isEmpty && !tolerance.allowsLeftOver {
      parts.append("\(leftOver.count) left over (\(list(leftOver, \.name)))")
    }
    return "\(matching.path.oneLine()): \(matching.matched.count.of("tensor")) of the file fit the network, "
      + parts.joined(separator: ", ") + advice
  }

  /// What to write into the run file, where it is a run that starts from the weights.
  private var advice: String {
    guard let head, matching.misshapen.allSatisfy({ $0.path.hasPrefix(head + ".") }) else { return "" }
    if !matching.misshapen.isEmpty { return "; `model.weights.head: new` starts a classifier for other classes anew" }
    let isMissing = !matching.missing.isEmpty && !tolerance.allowsMissing
    return isMissing
      ? "; `model.weights.allow: [missing]` starts what is missing anew"
      : "; `model.weights.allow: [left_over]` passes over what is left"
  }
}
