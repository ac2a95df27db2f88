import Safetensors

/// A file of `torch.save` that is not read: which one, and why.
public struct ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
  public let file: String
  /// A clause, as in `the pickle names 'posix.system', which is not data; nothing was run`.
  public let reason: String

  public init(file: String, reason: String) {
    self.file = file
    self.reason = reason
  }

  public var description: String { "\(file): \(reason.oneLine(upTo: 600))" }
}

/// Why bytes are refused, from a part that does not know the file's name.
struct Refusal: Error, Hashable {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}

extension ReadableFile {
  /// The bytes of `range`.
  func part(_ range: Range<Int>) throws(Refusal) -> [UInt8] {
    do throws(SafetensorsError) {
      return try bytes(range)
    } catch {
      throw Refusal("wanted \(error.wanted), found \(error.found)")
    }
  }
}

extension [UInt8] {
  /// The little-endian number of `count` bytes at `offset`, which must lie within.
  func number(at offset: Int, bytes count: Int) -> UInt64 {
    self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
