import COpenMPI
import Foundation
import Synchronization

/// The ranks of an MPI job.
///
/// Every wait is a polled request, so that a waiting rank leaves its cores to the threads that compute, notices a
/// deadline, and can say what it waits for. Messages carry the name and size of their collective (`MessageHeader`).
public final class MPICommunicator: Communicator, @unchecked Sendable {
  public let rank: Int
  public let size: Int
  public private(set) var hostNames: [String] = []
  public var deadline = Duration.seconds(300) {
    didSet { channel?.deadline = deadline }
  }
  public let scratch = CommunicationScratch()
  public let whereabouts: Whereabouts
  public let collectives = CollectiveCount()

  private let handle: MPI_Comm
  /// The most elements that one message may have: MPI counts in 32 bits.
  private let messageLimit: Int
  /// None where the ranks cannot reach each other but by MPI.
  private var channel: SideChannel?
  private let say: @Sendable (String) -> Void
  private let outgoingHeader = MessageHeader()
  private let incomingHeader = MessageHeader()
  private let requests: UnsafeMutableBufferPointer<MPI_Request?>

  private static let headerTag: Int32 = 1
  private static let payloadTag: Int32 = 2

  /// Starts MPI where needed and joins all ranks of the job. Collective.
  /// - Parameter say: shows a line to whoever looks at the job: a stall, or why the job ends.
  public static func world(say: @escaping @Sendable (String) -> Void = { _ in }) throws -> MPICommunicator {
    try MPILibrary.start()
    let world = try MPICommunicator(
      duplicating: openmpi_world(), messageLimit: 1 << 30, whereabouts: Whereabouts(), say: say)
    let sockets = try ChannelJoin.join(over: world)
    if !sockets.isEmpty {
      nonisolated(unsafe) let handle = world.handle
      world.channel = SideChannel(
        rank: world.rank, hostNames: world.hostNames, whereabouts: world.whereabouts, sockets: sockets, say: say,
        end: { end(handle, code: $0, isCutOff: $1) })
      openChannel.withLock { [channel = world.channel] in $0 = channel }
    }
    return world
  }

  /// Ends MPI in good order. Collective; called on the thread that called `world`, after the last call to any
  /// communicator.
  public static func finish() {
    openChannel.withLock { $0 }?.leave()
    MPILibrary.finish()
  }

  /// The job's side channel: there is one job in a process.
  private static let openChannel = Mutex<SideChannel?>(nil)

  /// This rank ends in good order, or will say itself why it does not: the others need not look for it any more.
  public func leave() { channel?.leave() }

  /// See `SideChannel.lastMessage`.
  public var lastMessage: (descriptor: Int32, bytes: [UInt8])? { channel?.lastMessage }

  /// What the MPI library of this process calls itself: the same on all ranks, or they may not understand each other.
  public static var libraryVersion: String { MPILibrary.version }

  /// The same ranks with messages of their own. Collective.
  package func duplicate(messageLimit: Int = 1 << 30) throws -> MPICommunicator {
    let copy = try MPICommunicator(
      duplicating: handle, messageLimit: messageLimit, whereabouts: whereabouts, say: say)
    copy.channel = channel
    return copy
  }

  private init(
    duplicating original: MPI_Comm, messageLimit: Int, whereabouts: Whereabouts,
    say: @escaping @Sendable (String) -> Void
  ) throws {
    var (rank, size): (Int32, Int32) = (0, 0)
    var copy: MPI_Comm?
    MPI_Comm_rank(original, &rank)
    MPI_Comm_size(original, &size)
    try MPILibrary.check(MPI_Comm_dup(original, &copy), "joining the job", rank: Int(rank))
    (handle, self.rank, self.size) = (copy!, Int(rank), Int(size))
    (self.whereabouts, self.say) = (whereabouts, say)
    self.messageLimit = messageLimit
    requests = .allocate(capacity: Request.all.count)
    requests.initialize(repeating: openmpi_no_request())
    try MPILibrary.check(openmpi_return_errors(handle), "joining the job", rank: self.rank)
    openmpi_sleep_exactly()
    let hosts = try allGather("joining the job", Array(currentHostName().utf8))
    hostNames = hosts.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The MPI handles are not freed: that is a collective call, and when ranks let go of a communicator is their own
  /// affair.
  deinit {
    outgoingHeader.deallocate()
    incomingHeader.deallocate()
    requests.deallocate()
  }

  public func exchange(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?
  ) throws {
    whereabouts.enter(collective: name)
    defer { whereabouts.enter(collective: nil) }
    try cancellingOnError {
      if let destination {
        outgoingHeader.write(name, number: collectives.number, payloadBytes: outgoing.count)
        try send(name, .init(start: outgoingHeader.memory, count: MessageHeader.byteCount), to: destination, .headerOut)
      }
      if let source {
        let memory = UnsafeMutableRawBufferPointer(start: incomingHeader.memory, count: MessageHeader.byteCount)
        try receive(name, memory, from: source, .headerIn)
      }
      var (sent, received) = (0, 0)
      repeat {
        let sending = min(messageLimit, outgoing.count - sent)
        let receiving = min(messageLimit, incoming.count - received)
        if let destination, sending > 0 {
          try send(name, .init(rebasing: outgoing[sent..<sent + sending]), to: destination, .payloadOut)
          sent += sending
        }
        if let source, receiving > 0 {
          try receive(name, .init(rebasing: incoming[received..<received + receiving]), from: source, .payloadIn)
          received += receiving
        }
        try complete(name, waitingFor: source ?? destination ?? rank, source, payloadBytes: incoming.count)
      } while (destination != nil && sent < outgoing.count) || (source != nil && received < incoming.count)
    }
  }

  /// The MPI library's own reduction.
  public func sumInAnyOrder(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) throws {
    // The library does not compare names: a ring of headers does, so that a rank in another collective is found out.
    var count = values.count
    var previous = 0
    try withUnsafeBytes(of: &count) { own in
      try withUnsafeMutableBytes(of: &previous) { other in
        try exchange(name, send: own, to: (rank + 1) % size, receive: other, from: (rank - 1 + size) % size)
      }
    }
    let before = (rank - 1 + size) % size
    guard previous == count else {
      throw failure(
        name,
        .mismatch(
          peer: title(of: before), theirs: CollectiveCall(name: name, number: collectives.number, bytes: previous * 4),
          own: CollectiveCall(name: name, number: collectives.number, bytes: count * 4)))
    }
    whereabouts.enter(collective: name)
    defer { whereabouts.enter(collective: nil) }
    try cancellingOnError {
      for start in stride(from: 0, to: count, by: messageLimit) {
        let part = Int32(min(messageLimit, count - start))
        try check(name, openmpi_sum_floats(values.baseAddress! + start, part, handle, request(.payloadIn)))
        try complete(name, waitingFor: nil, nil, payloadBytes: 0)
      }
    }
  }

  public func abort(code: Int32, reason: String) {
    let sentence = "error: \(reason)"
    channel?.fail(sentence, code: code)
    say(sentence)
    Self.end(handle, code: code, isCutOff: false)
  }

  /// Ends all ranks.
  ///
  /// - Parameter isCutOff: whether a host is out of reach. MPI's own way then hangs, because mpirun waits for its daemon
  ///   there: a second interrupt within five seconds makes mpirun give up. The ranks out there end for themselves.
  private static func end(_ handle: MPI_Comm, code: Int32, isCutOff: Bool) {
    if isCutOff, ["mpirun", "mpiexec", "orterun"].contains(parentName) {
      for _ in 0..<2 {
        kill(getppid(), SIGINT)
        usleep(300_000)
      }
      _exit(code)
    }
    // In any case this process goes.
    _ = JoinedThread(name: "last way out") {
      sleep(5)
      _exit(code)
    }
    var isFinished: Int32 = 0
    MPI_Finalized(&isFinished)
    if isFinished == 0 { MPI_Abort(handle, code) }
    _exit(code)
  }

  private static var parentName: String {
    let name = try? String(contentsOfFile: "/proc/\(getppid())/comm", encoding: .utf8)
    return name?.trimmingCharacters(in: .newlines) ?? ""
  }

  // MARK: Requests

  private enum Request: Int, CaseIterable {
    case headerIn, headerOut, payloadIn, payloadOut
    /// Stored, because `allCases` makes a new array each time and polling must not allocate.
    static let all = allCases
  }

  private func request(_ place: Request) -> UnsafeMutablePointer<MPI_Request?> {
    requests.baseAddress! + place.rawValue
  }

  private func send(_ name: String, _ bytes: UnsafeRawBufferPointer, to peer: Int, _ place: Request) throws {
    let tag = place == .headerOut ? Self.headerTag : Self.payloadTag
    try check(name, openmpi_send(bytes.baseAddress, Int32(bytes.count), Int32(peer), tag, handle, request(place)))
  }

  private func receive(
    _ name: String, _ bytes: UnsafeMutableRawBufferPointer, from peer: Int, _ place: Request
  ) throws {
    let tag = place == .headerIn ? Self.headerTag : Self.payloadTag
    try check(name, openmpi_receive(bytes.baseAddress, Int32(bytes.count), Int32(peer), tag, handle, request(place)))
  }

  private func check(_ name: String, _ code: Int32) throws {
    try MPILibrary.check(code, name, rank: rank)
  }

  /// Polls until every open request is done. The header is looked at first: what follows a wrong one never comes, or has
  /// another size, of which the library would say only that it does not fit.
  private func complete(_ name: String, waitingFor peer: Int?, _ source: Int?, payloadBytes: Int) throws {
    var wait = PolledWait(deadline: deadline)
    while true {
      var isDone = true
      for place in Request.all where request(place).pointee != openmpi_no_request() {
        if place == .payloadIn, request(.headerIn).pointee != openmpi_no_request() {
          isDone = false
          continue
        }
        var done: Int32 = 0
        try check(name, openmpi_test(request(place), &done))
        if done == 0 {
          isDone = false
        } else if place == .headerIn, let source,
          !incomingHeader.announces(name, number: collectives.number, payloadBytes: payloadBytes)
        {
          throw failure(
            name,
            .mismatch(
              peer: title(of: source), theirs: incomingHeader.call,
              own: CollectiveCall(name: name, number: collectives.number, bytes: payloadBytes)))
        }
      }
      if isDone { return }
      guard wait.pause(patiently: request(.headerIn).pointee != openmpi_no_request()) else {
        let waited = wait.waited
        let sentence = channel?.everybody()
        let peer = peer.map(title(of:)) ?? "the other ranks"
        throw failure(name, .deadline(peer: peer, waited: waited, whereabouts: sentence))
      }
    }
  }

  /// Withdraws what is still under way when `body` throws, so that nothing is written into memory that is let go.
  private func cancellingOnError(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      for place in Request.all where request(place).pointee != openmpi_no_request() {
        MPI_Cancel(request(place))
        MPI_Request_free(request(place))
        request(place).pointee = openmpi_no_request()
      }
      throw error
    }
  }
}
