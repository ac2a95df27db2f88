import Compute
import Configuration
import Graphs
import Layers
import Tasks

/// The weights that a fresh run starts from: the section `weights` of a run file's `model`.
///
/// ```yaml
/// weights: resnet50.pth                                   # everything must fit
/// weights: {file: resnet50.pth, head: new, allow: [missing]}
/// ```
/// A resumed run goes on from its checkpoint and never looks at the file.
public struct StartingWeights: Hashable, Sendable {
  public let file: String
  /// Takes only tensors whose names begin so.
  public let prefix: String
  /// Whether the file's moving average is taken.
  public let takesAverage: Bool
  public let tolerance: WeightFile.Tolerance

  /// What a file may have otherwise than the network.
  private enum Allowance: String, CaseIterable {
    case missing
    case leftOver = "left_over"
  }

  /// Whether the classifier comes from the file.
  private enum Head: String, CaseIterable {
    case published, new
  }

  /// Reads `file` (or the short form), `head`, `allow`, `average` and `prefix`.
  /// - Returns: `nil` where the section has none.
  /// - Throws: `ConfigError`.
  public init?(_ model: ConfigSection) throws {
    guard let section = try model.optionalSection("weights") else { return nil }
    // A text in the place of a section is its name.
    file = try section.path(section.contains("name") && !section.contains("file") ? "name" : "file")
    prefix = try section.string("prefix", default: "")
    takesAverage = try section.bool("average", default: false)
    let allowed = try section.choices("allow", among: Allowance.self, default: [], kind: "allowance")
    var tolerance = WeightFile.Tolerance()
    tolerance.hasNewHead = try section.choice("head", default: Head.published, kind: "head") == .new
    tolerance.allowsMissing = allowed.contains(.missing)
    tolerance.allowsLeftOver = allowed.contains(.leftOver)
    self.tolerance = tolerance
  }

  /// Copies the weights into the model of a run that begins.
  /// - Throws: `SafetensorsError`, `ArchiveError`, `WeightError`, `CaffeFormError`.
  package func load(into runners: NetworkRunners) throws -> WeightMatching {
    let weights = WeightFile(try WeightFile.open(file, takesAverage: takesAverage), prefix: prefix)
    try weights.checkForm(of: runners.mainPlan.program.graph)
    return try weights.load(into: runners.state, head: runners.headPath, tolerance: tolerance)
  }
}

extension NetworkRunners {
  /// A network's parameters at their start, for one image of the classification task, where nothing is to be run.
  public convenience init(tracing network: any Module, imageSize: Int) throws {
    try self.init(
      network, Classification(), batch: 1, image: [imageSize, imageSize, 3], team: WorkerTeam(count: 1),
      key: RandomKey(0), mode: .inference)
  }

  /// The path of the classifier: every network here ends in it, so its parameters are traced last.
  public var headPath: String? {
    mainPlan.program.graph.parameters.last.map { String($0.path[..<($0.path.lastIndex(of: ".") ?? $0.path.endIndex)]) }
  }
}

extension WeightMatching {
  /// The log's lines: the counts, then whatever did not simply match.
  public var lines: [String] {
    [sentence] + (table.map { $0.text.split(separator: "\n").map { "  \($0)" } } ?? [])
  }
}
