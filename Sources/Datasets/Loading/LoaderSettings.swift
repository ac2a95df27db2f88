import Configuration

/// How much of a machine a loader takes, and what it puts up with.
public struct LoaderSettings: Hashable, Sendable {
  /// Loader threads; 0 loads when a batch is asked for, on the thread that asks (for debugging).
  public var threads: Int
  /// The batches that may be loaded before they are asked for.
  public var batchesAhead: Int
  /// The different broken samples that are skipped before the run ends. The default of 10 lets the odd damaged file
  /// of a large collection pass and stops at once where a whole folder cannot be read.
  public var maxBroken: Int

  public init(threads: Int = 1, batchesAhead: Int = 4, maxBroken: Int = 10) {
    precondition(threads >= 0 && batchesAhead > 0 && maxBroken >= 0, "\(threads), \(batchesAhead), \(maxBroken)")
    self.threads = threads
    self.batchesAhead = batchesAhead
    self.maxBroken = maxBroken
  }
}

extension LoaderSettings {
  /// Reads `loader_threads`, `batches_ahead` and `max_broken` of a run file's `data` section.
  public init(reading data: ConfigSection) throws(ConfigError) {
    let standard = LoaderSettings()
    self.init(
      threads: try data.int("loader_threads", default: standard.threads, in: 0...1024),
      batchesAhead: try data.int("batches_ahead", default: standard.batchesAhead, in: 1...1 << 16),
      maxBroken: try data.int("max_broken", default: standard.maxBroken, in: 0...))
  }
}
