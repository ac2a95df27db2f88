import Configuration
import Datasets

extension Prediction {
  /// Why the network says what it says of a picture file, or of the files of a clip's frames.
  /// - Parameters:
  ///   - files: `framesPerClip` of them.
  ///   - label: the class whose score is explained; the likeliest when `nil`.
  /// - Throws: `DatasetError` when the picture cannot be read, `ExplanationError` when nothing can be seen.
  public func explanation(files: [String], label: Int? = nil) throws -> Explanation {
    let explainer = try explainer
      ?? Explainer(runners.network, image: pipeline.outputShape, state: runners.state, team: runners.team)
    self.explainer = explainer
    return try explainer.explain(try files.map { try picture(file: $0).fitted }, pipeline, label: label)
  }

  /// The class that is called so.
  /// - Throws: `ConfigError` with the nearest known name.
  public func label(named name: String) throws(ConfigError) -> Int {
    guard let label = classNames.firstIndex(of: name) else {
      throw ConfigError(path: "--class", problem: .unknownName(kind: "class", found: name, known: classNames))
    }
    return label
  }
}
