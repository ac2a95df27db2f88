/// A picture that could not be encoded or written.
public struct PictureError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file that was to be written; `nil` while encoding in memory.
  public let path: String?
  /// What the system or the encoder said.
  public let reason: String

  public init(path: String?, reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String {
    path.map { "\($0): cannot write the picture: \(reason)" } ?? "cannot encode the picture: \(reason)"
  }
}
