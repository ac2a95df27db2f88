import Dispatch
import Foundation
import Synchronization

/// Remembers that the job was asked to end: SIGTERM and SIGINT by a person or a scheduler, SIGUSR1 by a scheduler that
/// warns before its time limit.
///
/// The ranks agree on it in a sum that happens every step anyway; then all of them save and leave at the same step.
public final class StopRequest: @unchecked Sendable {
  private let flag = Atomic<Bool>(false)
  private let sources: [any DispatchSourceSignal]
  private let allocationEnd: Date?
  /// Before the end of an allocation, beyond what saving takes: the file system may be slow just then.
  private static let margin = 60.0

  /// - Parameters:
  ///   - signals: those that are caught from now on, as long as this value lives.
  ///   - allocationEnd: when the scheduler takes the machines away, where that is known.
  public init(catching signals: [Int32] = [SIGTERM, SIGINT, SIGUSR1], allocationEnd: Date? = nil) {
    self.allocationEnd = allocationEnd
    let queue = DispatchQueue(label: "signals")
    sources = signals.map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: queue)
    }
    for source in sources {
      source.setEventHandler { [weak self] in self?.request() }
      source.resume()
    }
  }

  deinit { sources.forEach { $0.cancel() } }

  /// Whether this rank was asked, or the allocation's end comes so near that there is just time to save.
  /// - Parameter savingTakes: the seconds of a checkpoint and of the step before it, as measured so far.
  public func isRequested(savingTakes seconds: Double) -> Bool {
    if let allocationEnd, allocationEnd.timeIntervalSinceNow < 2 * seconds + Self.margin { request() }
    return flag.load(ordering: .relaxed)
  }

  /// Asks.
  public func request() { flag.store(true, ordering: .relaxed) }
}
