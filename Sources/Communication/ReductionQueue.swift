/// The one thread that speaks for a rank while it trains.
///
/// What is handed in is done in the order in which it was handed in, so ranks that hand in the same things meet in the
/// same collectives. A gradient bucket is reduced here while the backward pass goes on; evaluation, checkpoints and
/// agreements go the same way, as `run`, so that no two threads ever use the communicator at once.
///
/// The first error ends the queue: what follows is skipped, and every later `wait` throws it.
public final class ReductionQueue: Sendable {
  /// A job's place in the order.
  public struct Ticket: Sendable, Hashable, Comparable {
    let number: Int
    public static func < (a: Ticket, b: Ticket) -> Bool { a.number < b.number }
  }

  /// When one job was handed in, begun and ended.
  public struct Record: Sendable {
    public var ticket: Ticket
    public var name: String
    public var submitted, started, ended: Moment
  }

  public let rank: Int
  public let size: Int
  public let hostNames: [String]
  /// To be kept up by the thread that trains: `queue.whereabouts.enter("data.next")`.
  public var whereabouts: Whereabouts { communicator.whereabouts }
  private let communicator: any Communicator
  private let ring: JobRing
  private let thread: JoinedThread

  /// - Parameters:
  ///   - communicator: used by this queue's thread alone until `close`.
  ///   - kind: how gradient buckets are summed.
  ///   - capacity: jobs that may be open at once, and records that are kept.
  public init(_ communicator: any Communicator, reducing kind: ReductionKind = .tree, capacity: Int = 1024) {
    (rank, size, hostNames) = (communicator.rank, communicator.size, communicator.hostNames)
    self.communicator = communicator
    let ring = JobRing(capacity: capacity)
    self.ring = ring
    thread = JoinedThread(name: "communication", isPrompt: true) { Self.work(through: ring, communicator, kind) }
  }

  deinit { close() }

  /// Adds up `count` values over all ranks, in place, as soon as what was handed in before is done.
  ///
  /// The values belong to the queue until `wait` has returned. Returns at once unless `capacity` jobs are open.
  @discardableResult
  public func submit(_ name: String, _ values: UnsafeMutablePointer<Float>, count: Int) -> Ticket {
    Ticket(number: ring.append(name, .sum(values, count: count), deadline: nil))
  }

  /// Leaves the sums over all ranks, along the tree, in this rank's part of `values`; partial sums elsewhere.
  @discardableResult
  public func scatter(_ name: String, _ values: UnsafeMutablePointer<Float>, _ parts: TreeParts) -> Ticket {
    Ticket(number: ring.append(name, .scatter(values, parts), deadline: nil))
  }

  /// Gives every rank the parts of all others.
  @discardableResult
  public func gather(_ name: String, _ values: UnsafeMutablePointer<Float>, _ parts: TreeParts) -> Ticket {
    Ticket(number: ring.append(name, .gather(values, parts), deadline: nil))
  }

  /// Lets the communication thread call `body` in its turn.
  ///
  /// - Parameter deadline: for this job alone, in place of the communicator's.
  @discardableResult
  public func perform(
    _ name: String, deadline: Duration? = nil, _ body: @escaping @Sendable (any Communicator) throws -> Void
  ) -> Ticket {
    Ticket(number: ring.append(name, .call(body), deadline: deadline))
  }

  /// Lets the communication thread call `body` in its turn, and returns its result or throws its error.
  public func run<Result>(
    _ name: String, deadline: Duration? = nil, _ body: (any Communicator) throws -> Result
  ) throws -> Result {
    try withoutActuallyEscaping(body) { body in
      // The ring may hold its closure a moment longer than the job lasts; it must not hold `body`.
      let call = Call(body)
      defer { call.body = nil }
      try ring.wait(for: ring.append(name, .call { try call.run($0) }, deadline: deadline))
      return call.result!
    }
  }

  private final class Call<Result> {
    var body: ((any Communicator) throws -> Result)?
    var result: Result?
    init(_ body: @escaping (any Communicator) throws -> Result) { self.body = body }
    func run(_ communicator: any Communicator) throws { result = try body!(communicator) }
  }

  /// Returns when the job is done; throws the first error of this job or any before it.
  public func wait(_ ticket: Ticket) throws { try ring.wait(for: ticket.number) }

  /// Returns when everything handed in so far is done; throws the first error.
  public func waitAll() throws { try ring.wait() }

  /// Finishes what was handed in and ends the thread; the communicator is the caller's again.
  public func close() {
    ring.close()
    thread.join()
  }

  /// The jobs that have ended, oldest first, from `ticket` on; at most `capacity` of them are remembered.
  public func records(from ticket: Ticket? = nil) -> [Record] {
    ring.ended(from: ticket?.number ?? 0).map { number, job in
      Record(
        ticket: Ticket(number: number), name: job.name, submitted: job.submitted, started: job.started,
        ended: job.ended)
    }
  }

  /// The time that callers have spent waiting, all together: communication that nothing hid.
  public var exposedDuration: Duration { ring.waited }

  private static func work(through ring: JobRing, _ communicator: any Communicator, _ kind: ReductionKind) {
    let errors = CompressionErrors()
    while let job = ring.start() {
      do {
        try communicator.withDeadline(job.deadline ?? communicator.deadline) {
          func collective(
            _ start: UnsafeMutablePointer<Float>, _ count: Int,
            _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void
          ) throws {
            try communicator.collective { try body(UnsafeMutableBufferPointer(start: start, count: count)) }
          }
          switch job.work {
          case .sum(let values, let count) where kind == .compressed:
            try collective(values, count) {
              try CompressedReduction.sum(job.name, $0, errors: errors.errors(of: $0), over: communicator)
            }
          case .sum(let values, let count): try communicator.allReduce(job.name, values, count: count, kind)
          case .scatter(let values, let parts):
            try collective(values, parts.count) {
              try TreeReduction.scatterSums(job.name, $0, parts, over: communicator)
            }
          case .gather(let values, let parts):
            try collective(values, parts.count) {
              try TreeReduction.gatherParts(job.name, $0, parts, over: communicator)
            }
          case .call(let body): try body(communicator)
          case .done: break
          }
        }
        ring.end(nil)
      } catch {
        ring.end(error)
      }
    }
  }
}
