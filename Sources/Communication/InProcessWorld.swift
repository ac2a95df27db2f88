/// Several ranks as threads of one process: for tests, and to debug a job of many ranks in one debugger.
///
/// ```swift
/// let sums = try InProcessWorld.run(size: 4) { communicator in
///   try communicator.allReduce("ranks", Double(communicator.rank), .sum)
/// }                                                    // [6, 6, 6, 6]
/// ```
/// No rank waits for one that cannot come: when a rank throws, aborts or returns, those that wait for it throw.
public final class InProcessWorld: @unchecked Sendable {
  public let size: Int
  private let hostNames: [String]
  private let whereabouts: [Whereabouts]
  private let monitor = Monitor()
  /// What each rank has laid out for each other one, at `from * size + to`.
  private var letters: [Letter?]
  private var departed: [Bool]
  private var failure: (rank: Int, reason: String)?

  /// A message that its sender keeps in place until the receiver has copied it.
  private struct Letter {
    var name: String
    /// The sender's count of collectives.
    var number: Int
    var bytes: UnsafeRawBufferPointer
    var isBeingCopied = false
  }

  public init(size: Int) {
    precondition(size > 0, "a world of \(size) ranks")
    self.size = size
    letters = Array(repeating: nil, count: size * size)
    departed = Array(repeating: false, count: size)
    hostNames = Array(repeating: currentHostName(), count: size)
    whereabouts = (0..<size).map { _ in Whereabouts() }
  }

  /// One communicator for each rank, to be used by one thread each.
  public func makeCommunicators() -> [InProcessCommunicator] {
    (0..<size).map {
      InProcessCommunicator(rank: $0, world: self, hostNames: hostNames, whereabouts: whereabouts[$0])
    }
  }

  /// Runs `body` on one thread for each rank and returns their results by rank.
  ///
  /// When ranks throw, the error of the first to do so is thrown, after all of them have ended.
  public static func run<Result: Sendable>(
    size: Int, deadline: Duration = .seconds(300), _ body: @Sendable (InProcessCommunicator) throws -> Result
  ) throws -> [Result] {
    let world = InProcessWorld(size: size)
    let outcomes = Outcomes<Result>(size: size)
    withoutActuallyEscaping(body) { body in
      let threads = world.makeCommunicators().map { communicator in
        communicator.deadline = deadline
        return JoinedThread(name: "rank \(communicator.rank)") {
          do {
            let result = try body(communicator)
            outcomes.note(result, of: communicator.rank)
          } catch {
            outcomes.note(error)
            world.abort(rank: communicator.rank, reason: "\(error)")
          }
          world.depart(rank: communicator.rank)
        }
      }
      for thread in threads { thread.join() }
    }
    return try outcomes.get()
  }

  /// Makes every call of every other rank throw, now and later. The first reason counts.
  func abort(rank: Int, reason: String) {
    monitor.run {
      if failure == nil { failure = (rank, reason) }
      monitor.broadcast()
    }
  }

  private func depart(rank: Int) {
    monitor.run {
      departed[rank] = true
      monitor.broadcast()
    }
  }

  func exchange(
    _ name: String, as communicator: InProcessCommunicator, send outgoing: UnsafeRawBufferPointer,
    to destination: Int?, receive incoming: UnsafeMutableRawBufferPointer, from source: Int?
  ) throws {
    let start = Moment.now
    let end = start.advanced(by: communicator.deadline)
    let rank = communicator.rank

    func throwIfAborted() throws {
      guard let failure else { return }
      throw communicator.failure(
        name, .aborted(peer: communicator.title(of: failure.rank), reason: failure.reason))
    }

    /// Sleeps until something has happened; throws where waiting for `peer` is in vain.
    func wait(for peer: Int) throws {
      try throwIfAborted()
      if departed[peer] { throw communicator.failure(name, .departed(peer: communicator.title(of: peer))) }
      if Moment.now >= end {
        let waited = Moment.now.since(start)
        let sentence = Whereabouts.sentence(whereabouts.map { .heard($0.position) }, hostNames: hostNames)
        throw communicator.failure(
          name, .deadline(peer: communicator.title(of: peer), waited: waited, whereabouts: sentence))
      }
      monitor.wait(until: end)
    }

    communicator.whereabouts.enter(collective: name)
    defer { communicator.whereabouts.enter(collective: nil) }
    try monitor.run {
      try throwIfAborted()
      let sent = destination.map { rank * size + $0 }
      if let sent {
        precondition(letters[sent] == nil, "two threads use rank \(rank) at once")
        letters[sent] = Letter(name: name, number: communicator.collectives.number, bytes: outgoing)
        monitor.broadcast()
      }
      // A letter must not outlive the call, nor be taken away under the eyes of its reader.
      defer {
        if let sent {
          while letters[sent]?.isBeingCopied == true { monitor.wait() }
          letters[sent] = nil
        }
      }
      if let source {
        let received = source * size + rank
        while letters[received] == nil { try wait(for: source) }
        let letter = letters[received]!
        guard letter.name == name, letter.bytes.count == incoming.count,
          letter.number == communicator.collectives.number
        else {
          throw communicator.failure(
            name,
            .mismatch(
              peer: communicator.title(of: source),
              theirs: CollectiveCall(name: letter.name, number: letter.number, bytes: letter.bytes.count),
              own: CollectiveCall(name: name, number: communicator.collectives.number, bytes: incoming.count)))
        }
        letters[received]!.isBeingCopied = true
        monitor.released { incoming.copyMemory(from: letter.bytes) }
        letters[received] = nil
        monitor.broadcast()
      }
      if let sent, let destination {
        while let letter = letters[sent] {
          if letter.isBeingCopied { monitor.wait() } else { try wait(for: destination) }
        }
      }
    }
  }
}

/// One rank of an `InProcessWorld`.
public final class InProcessCommunicator: Communicator, @unchecked Sendable {
  public let rank: Int
  public var size: Int { hostNames.count }
  public let hostNames: [String]
  public var deadline = Duration.seconds(300)
  public let scratch = CommunicationScratch()
  public let whereabouts: Whereabouts
  public let collectives = CollectiveCount()
  private let world: InProcessWorld

  init(rank: Int, world: InProcessWorld, hostNames: [String], whereabouts: Whereabouts) {
    self.rank = rank
    self.world = world
    self.hostNames = hostNames
    self.whereabouts = whereabouts
  }

  public func exchange(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?
  ) throws {
    try world.exchange(
      name, as: self, send: outgoing, to: destination, receive: incoming, from: source)
  }

  public func sumInAnyOrder(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) throws {
    try sumInRankOrder(name, values)
  }

  public func abort(code: Int32, reason: String) { world.abort(rank: rank, reason: reason) }
}

/// What the ranks of a world came to.
private final class Outcomes<Result>: @unchecked Sendable {
  private let monitor = Monitor()
  private var results: [Result?]
  private var firstError: (any Error)?

  init(size: Int) { results = Array(repeating: nil, count: size) }

  func note(_ result: Result, of rank: Int) { monitor.run { results[rank] = result } }
  func note(_ error: any Error) { monitor.run { firstError = firstError ?? error } }

  func get() throws -> [Result] {
    if let firstError { throw firstError }
    return results.map { $0! }
  }
}
