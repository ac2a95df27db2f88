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
  private let requests: OpenRequests

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
    requests = OpenRequests(copy!, rank: Int(rank))
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
  }

  public func exchange(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?
  ) throws {
    try flow(
      name, send: outgoing, to: destination, receive: incoming, from: source, pieceBytes: messageLimit,
      prepare: { _ in }, use: { _ in })
  }

  public func exchange(
    _ name: String, with peer: Int, send outgoing: UnsafeRawBufferPointer,
    receive incoming: UnsafeMutableRawBufferPointer, prepare: (Range<Int>) -> Void, use: (Range<Int>) -> Void
  ) throws {
    try flow(
      name, send: outgoing, to: peer, receive: incoming, from: peer, pieceBytes: pieceBytes(with: peer),
      prepare: prepare, use: use)
  }

  /// Between hosts just below 64 KiB, up to which MPI libraries send over sockets without asking first: the questions
  /// and answers of longer pieces queue behind the data of the other direction, and a link that both sides fill came to
  /// two thirds of its rate. Inside a host pieces gain nothing: a copy in memory took two thirds of the time in one.
  private func pieceBytes(with peer: Int) -> Int {
    hostNames[peer] == hostName ? messageLimit : min(60 << 10, messageLimit / 64 * 64)
  }

  /// Polls until both messages are through. The header is looked at first: what follows a wrong one never comes, or has
  /// another size, of which the library would say only that it does not fit.
  private func flow(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?, pieceBytes: Int,
    prepare: (Range<Int>) -> Void, use: (Range<Int>) -> Void
  ) throws {
    whereabouts.enter(collective: name)
    defer { whereabouts.enter(collective: nil) }
    try requests.cancellingOnError {
      if let destination {
        outgoingHeader.write(name, number: collectives.number, payloadBytes: outgoing.count)
        let memory = UnsafeRawBufferPointer(start: outgoingHeader.memory, count: MessageHeader.byteCount)
        try requests.send(name, memory, to: destination, .headerOut)
      }
      if let source {
        let memory = UnsafeMutableRawBufferPointer(start: incomingHeader.memory, count: MessageHeader.byteCount)
        try requests.receive(name, memory, from: source, .headerIn)
      }
      var sending = MessageFlow(byteCount: destination == nil ? 0 : outgoing.count, pieceBytes: pieceBytes)
      var receiving = MessageFlow(byteCount: source == nil ? 0 : incoming.count, pieceBytes: pieceBytes)
      var isAnnounced = source == nil
      var wait = PolledWait(deadline: deadline)
      while true {
        var hasMoved = false
        // What is sent without asking is kept by the library until it leaves: no more than the peer is seen to take in.
        let isAhead = sending.ended > receiving.ended + MessageFlow.depth && !receiving.isDone
        if let destination, !isAhead, let (bytes, place) = sending.begin() {
          prepare(bytes)
          try requests.send(name, .init(rebasing: outgoing[bytes]), to: destination, .payloadOut(place))
          hasMoved = true
        }
        // After the sending: with the receive first, messages that go both ways came one after the other.
        while let source, let (bytes, place) = receiving.begin() {
          try requests.receive(name, .init(rebasing: incoming[bytes]), from: source, .payloadIn(place))
        }
        if !isAnnounced, try requests.isDone(name, .headerIn) {
          try checkHeader(name, from: source, payloadBytes: incoming.count)
          isAnnounced = true
        }
        let hasSentHeader = try requests.isDone(name, .headerOut)
        if let place = sending.oldestPlace, try requests.isDone(name, .payloadOut(place)) {
          _ = sending.end()
          hasMoved = true
        }
        if isAnnounced, let place = receiving.oldestPlace, try requests.isDone(name, .payloadIn(place)) {
          wait.arrived()
          use(receiving.end())
          hasMoved = true
        }
        if isAnnounced, hasSentHeader, sending.isDone, receiving.isDone { return }
        if hasMoved { continue }
        try pause(&wait, name, for: source ?? destination ?? rank, patiently: !isAnnounced)
      }
    }
  }

  private func checkHeader(_ name: String, from source: Int?, payloadBytes: Int) throws {
    guard let source else { return }
    let number = collectives.number
    guard incomingHeader.announces(name, number: number, payloadBytes: payloadBytes) else {
      let own = CollectiveCall(name: name, number: number, bytes: payloadBytes)
      throw failure(name, .mismatch(peer: title(of: source), theirs: incomingHeader.call, own: own))
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
    try requests.cancellingOnError {
      for start in stride(from: 0, to: count, by: messageLimit) {
        let part = Int32(min(messageLimit, count - start))
        try requests.start(name, .reduction) { openmpi_sum_floats(values.baseAddress! + start, part, handle, $0) }
        var wait = PolledWait(deadline: deadline)
        while try !requests.isDone(name, .reduction) { try pause(&wait, name, for: nil, patiently: false) }
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

  /// Lets some time pass. Throws when the deadline has passed, and says where everybody is.
  private func pause(_ wait: inout PolledWait, _ name: String, for peer: Int?, patiently: Bool) throws {
    if wait.pause(patiently: patiently) { return }
    let waited = wait.waited
    let sentence = channel?.everybody()
    let peer = peer.map(title(of:)) ?? "the other ranks"
    throw failure(name, .deadline(peer: peer, waited: waited, whereabouts: sentence))
  }
}
