/// A collective that did not come to its end: which one, on which rank and host, and why.
public struct CommunicationError: Error, Sendable, CustomStringConvertible {
  public enum Cause: Sendable, Equatable {
    /// Nothing came from `peer` for the time allowed. `whereabouts` says what the ranks were doing, where it is known.
    case deadline(peer: String, waited: Duration, whereabouts: String?)
    /// `peer` is in another collective, or in the same with another size.
    case mismatch(peer: String, theirs: CollectiveCall, own: CollectiveCall)
    /// Another rank ended the job.
    case aborted(peer: String, reason: String)
    /// `peer` finished its work while this rank still waits for it.
    case departed(peer: String)
    /// The message-passing library reported this.
    case library(message: String)
    /// The tree association needs a power of two.
    case unevenTree(size: Int)
  }

  /// The name that the caller gave to the call.
  public var collective: String
  public var rank: Int
  public var host: String
  public var cause: Cause

  public init(collective: String, rank: Int, host: String, cause: Cause) {
    self.collective = collective
    self.rank = rank
    self.host = host
    self.cause = cause
  }

  public var description: String { "rank \(rank) (\(host)) in `\(collective)`: \(cause)" }
}

/// A collective as one rank made it: two ranks that meet must have the same.
public struct CollectiveCall: Sendable, Equatable {
  public var name: String
  /// Counted from the start of the communicator.
  public var number: Int
  public var bytes: Int
}

extension CommunicationError.Cause: CustomStringConvertible {
  public var description: String {
    switch self {
    case .deadline(let peer, let waited, let whereabouts):
      let sentence = "waited \(waited.inSeconds) for \(peer)"
      return whereabouts.map { "\(sentence); \($0)" } ?? sentence
    case .mismatch(let peer, let theirs, let own):
      let call = theirs.number == own.number ? "" : ", its call \(theirs.number) where this is call \(own.number)"
      return "\(peer) is in `\(theirs.name)` with \(theirs.bytes) bytes where this rank has \(own.bytes) bytes\(call)"
    case .aborted(let peer, let reason):
      return "\(peer) ended the job: \(reason)"
    case .departed(let peer):
      return "\(peer) has already finished and makes no more calls"
    case .library(let message):
      return message
    case .unevenTree(let size):
      return "a tree reduction needs a power of two of ranks, found \(size); `fast` takes any number"
    }
  }
}

extension Duration {
  /// Seconds as a reader wants them: `0.25 s`, `41 s`.
  var inSeconds: String {
    let seconds = Double(components.seconds) + Double(components.attoseconds) * 1e-18
    return seconds < 10 ? "\((seconds * 100).rounded() / 100) s" : "\(Int(seconds.rounded())) s"
  }
}

extension Communicator {
  /// The name that messages give to a rank: `rank 3 (node07)`.
  func title(of peer: Int) -> String {
    hostNames.indices.contains(peer) ? "rank \(peer) (\(hostNames[peer]))" : "rank \(peer)"
  }

  func failure(_ collective: String, _ cause: CommunicationError.Cause) -> CommunicationError {
    let host = hostNames.indices.contains(rank) ? hostName : "this host"
    return CommunicationError(collective: collective, rank: rank, host: host, cause: cause)
  }
}
