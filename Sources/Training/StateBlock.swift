import Compute
import Graphs

/// A block of numbers beside a model's state, of the same layout: a moment of the update rule, or the moving average.
public struct StateBlock {
  /// The moving average's name.
  static let averageName = "ema"

  /// What checkpoints put before the names of its tensors: `momentum`, `ema`.
  public let name: String
  public let values: TensorView
  /// Whether it holds running statistics too, as an average does; a moment has none.
  public let hasStatistics: Bool

  /// What keeps the values where nobody else does.
  private let memory: Arena?

  public init(_ name: String, _ values: TensorView, hasStatistics: Bool, memory: Arena? = nil) {
    self.memory = memory
    self.name = name
    self.values = values
    self.hasStatistics = hasStatistics
  }

  /// The tensors that it holds.
  func entries(of layout: StateLayout) -> [StateLayout.Entry] {
    hasStatistics ? layout.parameters + layout.buffers : layout.parameters
  }
}
