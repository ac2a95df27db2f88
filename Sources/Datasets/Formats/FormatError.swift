/// Bytes that are not what their format says they must be.
///
/// A decoder knows bytes and no file; whoever read them adds the name (`DatasetError`).
public struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, as the end of a sentence that begins with the file's name.
  public let reason: String

  public init(_ reason: String) { self.reason = reason }

  public var description: String { reason }
}

extension DatasetError {
  init(file: String, _ error: FormatError) { self.init(file: file, reason: error.reason) }
}
