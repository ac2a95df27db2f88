/// What the ranks of a job say to each other.
///
/// Everything here is collective: all ranks make the same calls in the same order, and each call carries a name, which
/// travels with the data. Ranks that meet in different calls, or with different sizes, throw instead of waiting for
/// ever. Whatever fails is thrown as a `CommunicationError`.
///
/// The requirements are few; broadcast, gather, barrier and the reductions are built on `exchange` in extensions, so
/// they are the same code over MPI and inside one process. A communicator is used by one thread at a time.
public protocol Communicator: AnyObject, Sendable {
  /// This rank's number, 0 ..< `size`.
  var rank: Int { get }
  /// The number of ranks.
  var size: Int { get }
  /// The host of every rank, by rank.
  var hostNames: [String] { get }
  /// The longest time that a call may wait for one other rank. 300 s at first.
  var deadline: Duration { get set }
  /// Memory that collectives work in, kept from call to call.
  var scratch: CommunicationScratch { get }
  /// What this rank is doing, told to the others when one of them has waited too long.
  var whereabouts: Whereabouts { get }

  /// Sends `outgoing` to rank `destination` and receives `incoming` from rank `source` at the same time.
  ///
  /// A nil rank leaves that direction out. The sizes must be those that the peers expect; the buffers must not overlap.
  func exchange(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?) throws

  /// Swaps buffers with `peer` piece by piece: `prepare` is called for a range of bytes of `outgoing` right before they
  /// are sent, `use` for a range of `incoming` as soon as it is there, so that a link is busy while they work.
  ///
  /// The ranges come in order and cover each buffer once; all but the last are multiples of 64 bytes.
  func exchange(
    _ name: String, with peer: Int, send outgoing: UnsafeRawBufferPointer,
    receive incoming: UnsafeMutableRawBufferPointer, prepare: (Range<Int>) -> Void, use: (Range<Int>) -> Void) throws

  /// Adds up `values` over all ranks in the order that the transport finds best; every rank gets the sums.
  ///
  /// For any number of ranks. See `ReductionKind.fast`.
  func sumInAnyOrder(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) throws

  /// The number of collectives so far. It travels with the data: ranks that meet in different calls of one name are
  /// found out.
  var collectives: CollectiveCount { get }

  /// Ends the whole job and says why: over MPI this call does not return, and of several ranks the first one's reason is
  /// said; inside one process every other rank's call throws; alone it does nothing.
  func abort(code: Int32, reason: String)
}

extension Communicator {
  /// Counts what `body` does as one collective more.
  func collective(_ body: () throws -> Void) rethrows {
    collectives.number += 1
    try body()
  }

  /// The machine that this rank runs on.
  public var hostName: String { hostNames[rank] }

  /// Runs `body` with another deadline: for phases known to be long.
  public func withDeadline<Result>(_ deadline: Duration, _ body: () throws -> Result) rethrows -> Result {
    let usual = self.deadline
    self.deadline = deadline
    defer { self.deadline = usual }
    return try body()
  }

  /// Swaps buffers with `peer`: each sends `outgoing` and receives the other's into `incoming`.
  public func exchange(
    _ name: String, with peer: Int, send outgoing: UnsafeRawBufferPointer,
    receive incoming: UnsafeMutableRawBufferPointer
  ) throws {
    try exchange(name, with: peer, send: outgoing, receive: incoming, prepare: { _ in }, use: { _ in })
  }

  /// The obvious way, in one piece: make ready, exchange, use.
  public func exchange(
    _ name: String, with peer: Int, send outgoing: UnsafeRawBufferPointer,
    receive incoming: UnsafeMutableRawBufferPointer, prepare: (Range<Int>) -> Void, use: (Range<Int>) -> Void
  ) throws {
    prepare(outgoing.indices)
    try exchange(name, send: outgoing, to: peer, receive: incoming, from: peer)
    use(incoming.indices)
  }

  /// Sends `bytes` to `peer`, which must be in `receive` with the same name and size.
  public func send(_ name: String, _ bytes: UnsafeRawBufferPointer, to peer: Int) throws {
    try exchange(name, send: bytes, to: peer, receive: .init(start: nil, count: 0), from: nil)
  }

  /// Receives from `peer` what it sends under the same name.
  public func receive(_ name: String, into bytes: UnsafeMutableRawBufferPointer, from peer: Int) throws {
    try exchange(name, send: .init(start: nil, count: 0), to: nil, receive: bytes, from: peer)
  }
}

extension Range<Int> {
  /// The whole elements that lie in this range of bytes.
  func elements<Element: BitwiseCopyable>(of _: Element.Type) -> Range<Int> {
    lowerBound / MemoryLayout<Element>.stride..<upperBound / MemoryLayout<Element>.stride
  }
}

extension Duration {
  /// A deadline that never comes: 31 years.
  public static let unlimited = Duration.seconds(1_000_000_000)
}

/// Counts the collectives of one rank, each once, whatever it is made of.
public final class CollectiveCount: @unchecked Sendable {
  public internal(set) var number = 0

  public init() {}
}

/// Memory that grows to the largest size asked for and is then used again and again.
public final class CommunicationScratch: @unchecked Sendable {
  private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 64)

  public init() {}
  deinit { memory.deallocate() }

  /// `count` values with unspecified contents, valid until the next call.
  func values<Value: BitwiseCopyable>(_: Value.Type, _ count: Int) -> UnsafeMutableBufferPointer<Value> {
    let bytes = count * MemoryLayout<Value>.stride
    if bytes > memory.count {
      memory.deallocate()
      memory = .allocate(byteCount: bytes, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes]).bindMemory(to: Value.self)
  }
}
