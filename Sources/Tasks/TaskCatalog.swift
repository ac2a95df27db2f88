import Configuration

/// The tasks by their names in run files: one line each.
public enum TaskCatalog {
  public static let entries: [String: @Sendable (ConfigSection) throws -> any TrainingTask] = [
    "classification": {
      Classification(
        loss: try $0.choice("loss", default: .crossEntropy, kind: "loss"),
        labelSmoothing: Float(try $0.float("label_smoothing", default: 0, in: 0..<1)))
    }
  ]

  /// The task that the run file's section `task` describes.
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one.
  public static func task(_ section: ConfigSection) throws -> any TrainingTask {
    let name = try section.choice("name", among: entries.keys.sorted(), default: "classification", kind: "task")
    return try entries[name]!(section)
  }
}
