import COpenMPI
import Glibc

/// Waits for something that must be asked for: eagerly at first, then ever more patiently.
///
/// Open MPI's own waits spin for as long as they last. A rank's communication thread shares its cores with the threads
/// that compute, so a spinning one takes a core away from the very work that hides the communication. Sleeping 50
/// microseconds at a time costs a reduction at most that much per round; longer naps cost at most a twentieth of a wait
/// for a rank that is late, and a quarter of the time between two pieces of a message, of which several are under way.
struct PolledWait {
  /// Short messages between hosts or processes that are both there arrive in this time. A poll that asks the system
  /// takes some microseconds, one that looks into memory a tenth of one: hence a time, not a count.
  private static let eagerNanoseconds: UInt64 = 40_000
  private static let yieldingPolls = 20
  private static let napNanoseconds = 50_000...1_000_000
  private static let longestNapBetweenPieces = 250_000
  /// What a wait costs at least that is not over at once.
  static let shortestNapSeconds = Double(napNanoseconds.lowerBound) * 1e-9

  private let deadline: Duration
  private let begin: Moment
  /// When the other side was last heard of.
  private var start: Moment
  /// Between its last two pieces.
  private var pace = 0
  private var yields = 0

  init(deadline: Duration) {
    self.deadline = deadline
    begin = .now
    start = begin
  }

  /// A piece of the message has come: the other side's time begins anew. Not the eagerness, which a message of many
  /// pieces would take from the workers again and again.
  mutating func arrived() {
    let now = Moment.now
    pace = Int(now.nanoseconds - start.nanoseconds)
    start = now
  }

  /// Lets some time pass; false when the deadline has passed.
  ///
  /// - Parameter patiently: while the other side has not come yet, naps may grow to a twentieth of the time waited.
  ///   Data that flows needs a hand at short intervals.
  mutating func pause(patiently: Bool) -> Bool {
    let now = Moment.now
    if now.nanoseconds - begin.nanoseconds < Self.eagerNanoseconds { return true }
    if yields < Self.yieldingPolls {
      yields += 1
      sched_yield()
      return true
    }
    let waited = Int(now.nanoseconds - start.nanoseconds)
    let nap = patiently ? min(waited / 20, Self.napNanoseconds.upperBound) : min(pace / 4, Self.longestNapBetweenPieces)
    openmpi_nap(max(nap, Self.napNanoseconds.lowerBound))
    return now < start.advanced(by: deadline)
  }

  var waited: Duration { Moment.now.since(start) }
}
