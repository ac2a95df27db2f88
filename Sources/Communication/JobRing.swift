/// The jobs of a `ReductionQueue`: a fixed ring in which job n lies at n mod capacity, until job n + capacity takes its
/// place. Handing in and recording a job moves no memory.
final class JobRing: @unchecked Sendable {
  enum Work {
    case sum(UnsafeMutablePointer<Float>, count: Int)
    /// The two halves of a sum along the tree.
    case scatter(UnsafeMutablePointer<Float>, TreeParts)
    case gather(UnsafeMutablePointer<Float>, TreeParts)
    case call((any Communicator) throws -> Void)
    case done
  }

  struct Job {
    var name = ""
    var work = Work.done
    var deadline: Duration?
    var submitted = Moment(nanoseconds: 0)
    var started = Moment(nanoseconds: 0)
    var ended = Moment(nanoseconds: 0)
  }

  private let monitor = Monitor()
  private var jobs: [Job]
  private var submittedCount = 0
  private var endedCount = 0
  private var failure: (any Error)?
  private var isClosed = false
  private var waitedNanoseconds = 0

  init(capacity: Int) {
    precondition(capacity > 0, "a ring of \(capacity) jobs")
    jobs = Array(repeating: Job(), count: capacity)
  }

  /// Puts a job in, waiting while the ring is full; returns its number.
  func append(_ name: String, _ work: Work, deadline: Duration?) -> Int {
    monitor.run {
      precondition(!isClosed, "job \(name) for a queue that is closed")
      while submittedCount - endedCount >= jobs.count { monitor.wait() }
      let number = submittedCount
      jobs[number % jobs.count] = Job(name: name, work: work, deadline: deadline, submitted: .now)
      submittedCount += 1
      monitor.broadcast()
      return number
    }
  }

  /// The oldest job that has not ended, waiting for one; nil when the ring is closed and empty.
  ///
  /// After a failure the work of every job is `done`.
  func start() -> Job? {
    monitor.run {
      while endedCount == submittedCount {
        if isClosed { return nil }
        monitor.wait()
      }
      let place = endedCount % jobs.count
      jobs[place].started = .now
      if failure != nil { jobs[place].work = .done }
      return jobs[place]
    }
  }

  /// Marks the job that was started last as ended, and keeps the first error.
  func end(_ error: (any Error)?) {
    monitor.run {
      let place = endedCount % jobs.count
      jobs[place].work = .done
      jobs[place].ended = .now
      failure = failure ?? error
      endedCount += 1
      monitor.broadcast()
    }
  }

  /// Returns when the jobs up to `number` have ended, or all that are there; throws the first error.
  func wait(for number: Int? = nil) throws {
    try monitor.run {
      let start = Moment.now
      let last = number ?? submittedCount - 1
      while endedCount <= last { monitor.wait() }
      waitedNanoseconds += Moment.now.nanoseconds - start.nanoseconds
      if let failure { throw failure }
    }
  }

  /// Lets no more jobs in.
  func close() {
    monitor.run {
      isClosed = true
      monitor.broadcast()
    }
  }

  /// The jobs that have ended, from `number` on, as far back as the ring reaches.
  func ended(from number: Int) -> [(number: Int, job: Job)] {
    monitor.run {
      let oldest = max(0, submittedCount - jobs.count, number)
      return (oldest..<max(oldest, endedCount)).map { ($0, jobs[$0 % jobs.count]) }
    }
  }

  /// The time that all callers together have spent in `wait`.
  var waited: Duration { .nanoseconds(monitor.run { waitedNanoseconds }) }
}
