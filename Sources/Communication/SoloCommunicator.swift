import Glibc

/// A world of one rank: every collective is done before it begins. Never touches MPI.
public final class SoloCommunicator: Communicator, @unchecked Sendable {
  public let rank = 0
  public let size = 1
  public let hostNames = [currentHostName()]
  public var deadline = Duration.seconds(300)
  public let scratch = CommunicationScratch()
  public let whereabouts = Whereabouts()
  public let collectives = CollectiveCount()

  public init() {}

  public func exchange(
    _ name: String, send outgoing: UnsafeRawBufferPointer, to destination: Int?,
    receive incoming: UnsafeMutableRawBufferPointer, from source: Int?
  ) throws {
    precondition(destination ?? 0 == 0 && source ?? 0 == 0, "rank \(destination ?? source ?? 0) in a world of one")
    guard destination != nil, source != nil else {
      throw failure(name, .departed(peer: title(of: 0)))
    }
    guard outgoing.count == incoming.count else {
      let number = collectives.number
      throw failure(
        name,
        .mismatch(
          peer: title(of: 0), theirs: CollectiveCall(name: name, number: number, bytes: outgoing.count),
          own: CollectiveCall(name: name, number: number, bytes: incoming.count)))
    }
    incoming.copyMemory(from: outgoing)
  }

  public func sumInAnyOrder(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) {}

  public func abort(code: Int32, reason: String) {}
}

/// The name of this machine, without its domain.
func currentHostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
  let host = name.lazy.map(UInt8.init(bitPattern:)).prefix { $0 != 0 && $0 != UInt8(ascii: ".") }
  return String(decoding: Array(host), as: UTF8.self)
}
