import Compute
import Glibc

/// Reads, decodes and augments ahead of the training loop, on threads of its own, and hands batches over in exact
/// order.
///
/// ```swift
/// let loader = BatchLoader(dataset, pipeline, sequence, LoaderSettings(threads: 2))
/// while let batch = try loader.next() { … }
/// ```
/// What a batch holds follows from the sequence alone: not from the number of threads, not from the number of ranks.
/// Threads, never processes: a fork beneath MPI corrupts memory. One caller at a time. The threads run where the caller
/// may run, with denormals flushed to zero.
public final class BatchLoader {
  public let sequence: BatchSequence
  public let settings: LoaderSettings
  /// The broken samples that delivered batches met.
  public private(set) var broken: BrokenSamples
  /// The time that `next()` has spent waiting for data: where it grows, data and not compute limits the step.
  public private(set) var waitedSeconds = 0.0
  private let queue: LoadingQueue
  private var threads: [pthread_t] = []
  private var delivered: Batch?
  private var failure: TooManyBrokenSamples?

  /// - Parameter mixing: how the samples of a batch are mixed with each other; `nil` leaves each alone.
  public init(
    _ dataset: any ImageDataset, _ pipeline: TransformPipeline, _ sequence: BatchSequence,
    _ settings: LoaderSettings = LoaderSettings(), mixing: Mixing? = nil
  ) {
    precondition(
      sequence.schedule.sampleCount <= dataset.count,
      "a schedule of \(sequence.schedule.sampleCount) samples over a data set of \(dataset.count)")
    self.sequence = sequence
    self.settings = settings
    broken = BrokenSamples(limit: settings.maxBroken)
    queue = LoadingQueue(
      SampleLoading(dataset, pipeline, seed: sequence.seed), sequence, mixing, batchesAhead: settings.batchesAhead,
      threads: settings.threads)
    threads = (0..<settings.threads).map { _ in Self.start(queue) }
  }

  deinit { shutdown() }

  /// The next batch, or `nil` after the last. Waits until it is loaded.
  ///
  /// The batch handed out before is filled again if nobody holds it any more.
  /// - Throws: `TooManyBrokenSamples`, with the batch that went beyond the limit and at every call from then on.
  public func next() throws(TooManyBrokenSamples) -> Batch? {
    if let failure { throw failure }
    if isKnownUniquelyReferenced(&delivered), let batch = delivered { queue.recycle(batch) }
    delivered = nil
    let began = ContinuousClock.now
    let batch = queue.take(loadingHere: settings.threads == 0)
    waitedSeconds += (ContinuousClock.now - began) / .seconds(1)
    guard let batch else { return nil }
    // Several threads note what they meet in whatever order they meet it.
    batch.broken.sort { $0.index < $1.index }
    do {
      try broken.note(batch.broken)
    } catch {
      failure = error
      shutdown()
      throw error
    }
    delivered = batch
    return batch
  }

  /// The time that all loader threads together have spent on loading.
  public var loadingSeconds: Double { queue.busyTime / .seconds(1) }

  /// Ends the threads; each finishes the sample at hand at most. `next()` returns `nil` from then on.
  public func shutdown() {
    queue.close()
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  private static func start(_ queue: LoadingQueue) -> pthread_t {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        FloatingPointMode.flushToZero()
        Unmanaged<LoadingQueue>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(queue).toOpaque())
    precondition(code == 0, "pthread_create failed with \(code)")
    return thread
  }
}
