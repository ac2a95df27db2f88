import Foundation

/// Writes checkpoints on a thread of its own, one at a time, in order.
public final class CheckpointWriter: @unchecked Sendable {
  public let store: CheckpointStore
  private let queue = DispatchQueue(label: "checkpoint")
  private let lock = NSLock()
  private var failure: (any Error)?
  private var isTold = false
  private var lastSeconds = 0.0

  public init(_ store: CheckpointStore) { self.store = store }

  /// Begins to write `snapshot`; waits for the one before, so that there is one copy in memory.
  /// - Throws: the error of an earlier write.
  public func write(_ snapshot: Snapshot) throws {
    try finish()
    queue.async { [self] in
      let start = Date()
      do { try store.write(snapshot) } catch { lock.withLock { failure = failure ?? error } }
      lock.withLock { lastSeconds = Date().timeIntervalSince(start) }
    }
  }

  /// Returns when everything is on the disk.
  /// - Throws: the first error of a write.
  public func finish() throws {
    queue.sync {}
    if let failure = lock.withLock({ failure }) {
      lock.withLock { isTold = true }
      throw failure
    }
  }

  /// Throws the error of a write that has failed meanwhile; waits for nothing.
  public func throwFailure() throws {
    guard let failure = lock.withLock({ failure }) else { return }
    lock.withLock { isTold = true }
    throw failure
  }

  /// Waits for the disk, and returns the error of a write that no call has thrown: of a run that ends for another
  /// reason.
  public func untoldFailure() -> (any Error)? {
    queue.sync {}
    return lock.withLock { isTold ? nil : failure }
  }

  /// How long the last write took, in seconds.
  public var seconds: Double { lock.withLock { lastSeconds } }
}
