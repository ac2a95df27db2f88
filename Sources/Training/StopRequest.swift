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

  /// - Parameter signals: those that are caught from now on, as long as this value lives.
  public init(catching signals: [Int32] = [SIGTERM, SIGINT, SIGUSR1]) {
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

  /// Whether this rank was asked.
  public var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Asks.
  public func request() { flag.store(true, ordering: .relaxed) }
}
