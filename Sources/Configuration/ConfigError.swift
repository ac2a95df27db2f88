/// A mistake in a run file or on the command line: where it is, what was wanted, what was found.
public struct ConfigError: Error, Hashable, Sendable {
  /// What is wrong at the place.
  public enum Problem: Hashable, Sendable {
    /// Nobody reads this key.
    case unknownKey(known: [String])
    /// The value is not one of the names that may stand here; `kind` says of what ("attention module").
    case unknownName(kind: String, found: String, known: [String])
    /// The value has the wrong type or lies outside its range.
    case wrongValue(wanted: String, found: String)
    /// A key that has no default is not given.
    case missing(wanted: String)
    /// The value contradicts something else; a clause without a full stop.
    case invalid(String)
    /// The text is not YAML, or more of it than a run file may hold.
    case malformed(String)
    /// The file cannot be read.
    case unreadable(String)
  }

  /// Where the value was written.
  public let place: ConfigPlace
  /// The dotted path of the key, empty where the whole file is meant.
  public let path: String
  public let problem: Problem

  public init(place: ConfigPlace = ConfigPlace(), path: String, problem: Problem) {
    self.place = place
    self.path = path
    self.problem = problem
  }

  /// The known name that the unknown one most likely stands for.
  public var nearestName: String? {
    switch problem {
    case .unknownKey(let known):
      Configuration.nearestName(to: path.split(separator: ".").last.map(String.init) ?? path, among: known)
    case .unknownName(_, let found, let known):
      Configuration.nearestName(to: found, among: known)
    default: nil
    }
  }
}

extension ConfigError: CustomStringConvertible {
  /// One sentence: `configs/x.yaml:12: model.attenton: unknown key; did you mean 'attention'?`
  public var description: String {
    [place.description, path, clause].filter { !$0.isEmpty }.joined(separator: ": ")
  }

  private var clause: String {
    switch problem {
    case .unknownKey(let known): "unknown key" + suggestion(among: known)
    case .unknownName(let kind, let found, let known):
      "no \(kind) is called '\(excerpt(found))'" + suggestion(among: known)
    case .wrongValue(let wanted, let found): "wanted \(wanted), found \(found)"
    case .missing(let wanted): "missing; wanted \(wanted)"
    case .invalid(let reason): reason
    case .malformed(let reason): "not a run file: \(reason)"
    case .unreadable(let reason): "cannot be read: \(reason)"
    }
  }

  private func suggestion(among known: [String]) -> String {
    if let nearestName { return "; did you mean '\(nearestName)'?" }
    // A catalogue of a hundred names helps nobody in a sentence.
    guard !known.isEmpty, known.count <= 12 else { return "" }
    return "; known: " + known.sorted().joined(separator: ", ")
  }
}

/// Where a value was written: a file and a line (from 1), or the command line; nowhere for a value made in code.
public struct ConfigPlace: Hashable, Sendable, CustomStringConvertible {
  public let file: String?
  public let line: Int?

  public init(file: String? = nil, line: Int? = nil) {
    self.file = file
    self.line = line
  }

  static let commandLine = ConfigPlace(file: "command line")

  public var description: String {
    guard let file else { return "" }
    return line.map { "\(file):\($0)" } ?? file
  }
}

/// The beginning of a text that is quoted in a sentence, on one line.
func excerpt(_ text: String) -> String {
  let line = String(text.prefix(40).map { $0.isNewline || $0 == "\t" || $0 == "\0" ? " " : $0 })
  return text.count > 40 ? line + "…" : line
}
