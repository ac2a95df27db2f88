/// One message of the side channel: a header of 12 bytes (kind, code, length of the text), then the text in UTF-8.
package struct ChannelFrame: Equatable {
  package enum Kind: UInt32 {
    /// The token of the job, with the rank as its code: the first thing that a rank says.
    case hello = 0x7472_6e01
    /// Where the sender is; the text is a `Whereabouts.Position` in JSON.
    case position
    /// Rank 0 wants a `position` at once.
    case ask
    /// The sender wants to know where everybody is; rank 0 answers with a sentence.
    case question, answer
    /// The sender failed: the text says how, the code is the job's exit code.
    case failure
    /// The sender has said itself why it ends.
    case spoken
    /// The sender is done and ends in good order.
    case goodbye
  }

  static let headerBytes = 12
  /// A longer text is no message of this program's.
  package static let longestText = 1 << 20

  package var kind: Kind
  package var code: Int32 = 0
  package var text = ""

  package var bytes: [UInt8] {
    let text = Array(self.text.utf8.prefix(Self.longestText))
    let header = [kind.rawValue, UInt32(bitPattern: code), UInt32(text.count)]
    return header.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) } + text
  }

  package init(_ kind: Kind, code: Int32 = 0, _ text: String = "") {
    (self.kind, self.code, self.text) = (kind, code, text)
  }

  /// Takes the first message off `buffer`; nil when it has not come in full.
  /// - Throws: `ChannelGarbage` for bytes that are no message.
  package init?(from buffer: inout [UInt8]) throws {
    guard buffer.count >= Self.headerBytes else { return nil }
    let words = (0..<3).map { word in
      buffer[4 * word..<4 * word + 4].reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    }
    guard let kind = Kind(rawValue: words[0]), words[2] <= Self.longestText else { throw ChannelGarbage() }
    let end = Self.headerBytes + Int(words[2])
    guard buffer.count >= end else { return nil }
    self.init(kind, code: Int32(bitPattern: words[1]), String(decoding: buffer[Self.headerBytes..<end], as: UTF8.self))
    buffer.removeFirst(end)
  }
}

/// Bytes on a side channel that are no message of this program's.
package struct ChannelGarbage: Error {}
