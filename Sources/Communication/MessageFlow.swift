/// A long message in pieces, of which a few are under way at a time.
///
/// While the network carries one piece its sender makes the next one ready and its receiver works on the one before, so
/// the link is never idle for want of a processor. Pieces begin and end in order.
package struct MessageFlow {
  /// As many as are under way at once: with the pieces between hosts half a megabyte, what a link of 10 Gbit/s carries in
  /// 0.4 ms.
  package static let depth = 8

  private let byteCount: Int
  private let pieceBytes: Int
  package private(set) var begun = 0
  package private(set) var ended = 0

  /// - Parameter pieceBytes: of every piece but the last; a message of no bytes has no pieces.
  package init(byteCount: Int, pieceBytes: Int) {
    precondition(pieceBytes > 0, "pieces of \(pieceBytes) bytes")
    (self.byteCount, self.pieceBytes) = (byteCount, pieceBytes)
  }

  private var pieces: Int { (byteCount + pieceBytes - 1) / pieceBytes }
  package var isDone: Bool { ended == pieces }

  /// The next piece's bytes and its place among those under way; nil while all places are taken or nothing is left.
  package mutating func begin() -> (bytes: Range<Int>, place: Int)? {
    guard begun < pieces, begun - ended < Self.depth else { return nil }
    defer { begun += 1 }
    return (bytes(of: begun), begun % Self.depth)
  }

  /// The place of the oldest piece that is under way.
  package var oldestPlace: Int? { ended < begun ? ended % Self.depth : nil }

  /// Takes note that the oldest piece has arrived, and returns its bytes.
  package mutating func end() -> Range<Int> {
    defer { ended += 1 }
    return bytes(of: ended)
  }

  private func bytes(of piece: Int) -> Range<Int> {
    piece * pieceBytes..<min((piece + 1) * pieceBytes, byteCount)
  }
}
