import Configuration

/// The learning rate as it is stated, and what becomes of it at the batch in use: the linear scaling rule (Goyal et
/// al.; 2017, section 2.1), rate · batch / base batch.
public struct LearningRateRule: Hashable, Sendable {
  /// The rate as stated, at `baseBatch` where that is given.
  public let statedRate: Double
  /// The global batch for which the rate is stated; `nil` leaves it as it is for any.
  public let baseBatch: Int?
  /// The global batch of this run.
  public let batch: Int

  public init(statedRate: Double, baseBatch: Int?, batch: Int) {
    self.statedRate = statedRate
    self.baseBatch = baseBatch
    self.batch = batch
  }

  /// Reads `learning_rate` (required) and `base_batch` of the optimizer's section.
  public init(_ section: ConfigSection, batch: Int) throws(ConfigError) {
    self.init(
      statedRate: try section.float("learning_rate", in: 0...),
      baseBatch: try section.optionalInt("base_batch", in: 1...), batch: batch)
  }

  /// The rate at the batch in use.
  public var rate: Double { baseBatch.map { statedRate * Double(batch) / Double($0) } ?? statedRate }

  /// For the log: `learning rate 0.2 = 0.1 x 512 / 256 (stated at base_batch 256, this run's batch is 512)`.
  public var sentence: String {
    guard let baseBatch else { return "learning rate \(rate) at batch \(batch) (no base_batch, no scaling)" }
    return "learning rate \(rate) = \(statedRate) x \(batch) / \(baseBatch) "
      + "(stated at base_batch \(baseBatch), this run's batch is \(batch))"
  }
}
