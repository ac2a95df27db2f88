import COpenMPI
import Glibc

/// Waits for something that must be asked for: eagerly at first, then ever more patiently.
///
/// Open MPI's own waits spin for as long as they last. A rank's communication thread shares its cores with the threads
/// that compute, so a spinning one takes a core away from the very work that hides the communication. Sleeping 50
/// microseconds at a time costs a reduction at most that much per round, and longer naps at most a twentieth of a wait
/// for a rank that is late.
struct PolledWait {
  /// Short messages between hosts or processes that are both there arrive within this many polls.
  private static let eagerPolls = 200
  private static let yieldingPolls = 20
  private static let napNanoseconds = 50_000...1_000_000
  /// What a wait costs at least that is not over at once.
  static let shortestNapSeconds = Double(napNanoseconds.lowerBound) * 1e-9

  private let start: Moment
  private let end: Moment
  private var polls = 0

  init(deadline: Duration) {
    start = .now
    end = start.advanced(by: deadline)
  }

  /// Lets some time pass; false when the deadline has passed.
  ///
  /// - Parameter patiently: while the other side has not come yet, naps may grow to a twentieth of the time waited.
  ///   Data that flows needs a hand at short intervals.
  mutating func pause(patiently: Bool) -> Bool {
    polls += 1
    if polls <= Self.eagerPolls { return true }
    if polls <= Self.eagerPolls + Self.yieldingPolls {
      sched_yield()
      return true
    }
    let now = Moment.now
    let shortest = Self.napNanoseconds.lowerBound
    let twentieth = (now.nanoseconds - start.nanoseconds) / 20
    openmpi_nap(patiently ? min(max(twentieth, shortest), Self.napNanoseconds.upperBound) : shortest)
    return now < end
  }

  var waited: Duration { Moment.now.since(start) }
}
