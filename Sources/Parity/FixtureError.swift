/// What is wrong with a fixture, or with our twin of it: which tensor or entry, what was wanted, what was found.
public struct FixtureError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A tensor's key in the file, or a metadata entry.
  public let subject: String
  public let wanted: String
  public let found: String

  public init(_ subject: String, wanted: String, found: String) {
    self.subject = subject
    self.wanted = wanted
    self.found = found
  }

  /// `param.fc.0.weight: wanted the shape [4, 32], found [4, 16]`
  public var description: String { "\(subject): wanted \(wanted), found \(found)" }
}
