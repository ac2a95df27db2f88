/// The last words of a rank: one sentence, then the end of the whole job.
public struct FailureReport: Sendable, CustomStringConvertible {
  public var rank: Int
  public var host: String
  /// The training step, where there is one.
  public var step: Int?
  /// The module path or the collective where it happened.
  public var place: String?
  public var cause: String

  public init(rank: Int, host: String, step: Int? = nil, place: String? = nil, cause: String) {
    self.rank = rank
    self.host = host
    self.step = step
    self.place = place
    self.cause = cause
  }

  /// Describes `error` as it was thrown on this rank. A `CommunicationError` brings its collective along.
  public init(_ error: any Error, on communicator: any Communicator, step: Int? = nil, place: String? = nil) {
    self.init(rank: communicator.rank, host: communicator.hostName, step: step, place: place, cause: "\(error)")
    if let error = error as? CommunicationError {
      self.place = place ?? error.collective
      cause = "\(error.cause)"
    }
  }

  /// `rank 2 (node07), step 1200, in layer3.1.conv2: …`
  public var description: String {
    var sentence = "rank \(rank) (\(host))"
    if let step { sentence += ", step \(step)" }
    if let place { sentence += ", in \(place)" }
    return "\(sentence): \(cause)"
  }

  /// Ends the job with `code` and says why. Over MPI this does not return.
  ///
  /// May be called from any thread, also while the communication thread waits for ranks that will never come: the end
  /// is what it waits for.
  public func end(_ communicator: any Communicator, code: Int32 = 1) {
    communicator.abort(code: code, reason: description)
  }
}
