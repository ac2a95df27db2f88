import Compute

/// Tokens with their channels as rows: the transpose that makes scores a product of rows (`HeadProduct`), in panels of
/// 64, 32 or 16 tokens that each lie together. Tokens past the end repeat the last one.
struct KeyPanels {
  let memory: UnsafeMutablePointer<Float>
  /// Channels of a head, a multiple of 16, and tokens.
  let channels, tokens: Int

  /// Tokens rounded up to whole vectors.
  static func padded(_ tokens: Int) -> Int { (tokens + 15) / 16 * 16 }

  /// Fills the panels from rows of channels, `leading` apart.
  func fill(from rows: UnsafePointer<Float>, leading: Int) {
    panels { start, width in
      for column in stride(from: 0, to: width, by: 16) {
        let first = start + column
        for channel in stride(from: 0, to: channels, by: 16) {
          let source = rows + first * leading + channel
          let target = memory + start * channels + channel * width + column
          if first + 16 <= tokens {
            Self.transpose(target, leading: width) { source.lanes(at: $0 * leading) }
          } else {
            let last = tokens - 1 - first
            Self.transpose(target, leading: width) { source.lanes(at: min($0, last) * leading) }
          }
        }
      }
    }
  }

  /// Scores of `rows` queries with all tokens, padded ones too.
  func scores(
    of queries: UnsafePointer<Float>, leading: Int, rows: Int, into scores: UnsafeMutablePointer<Float>,
    leading scoreLeading: Int
  ) {
    panels { start, width in
      HeadProduct(a: queries, rowStride: leading, stepStride: 1, steps: channels)(
        memory + start * channels, leading: width, into: scores + start, leading: scoreLeading, rows: rows,
        columns: width, accumulate: false)
    }
  }

  @inline(__always)
  private func panels(_ body: (_ start: Int, _ width: Int) -> Void) {
    let end = Self.padded(tokens)
    var start = 0
    while start < end {
      let rest = end - start, width = rest >= 64 ? 64 : rest >= 32 ? 32 : 16
      body(start, width)
      start += width
    }
  }

  /// Writes the transpose of sixteen rows of sixteen, by four rounds that interleave row i with row i + 8.
  @inline(__always)
  private static func transpose(
    _ target: UnsafeMutablePointer<Float>, leading: Int, _ row: (_ index: Int) -> Lanes
  ) {
    let rows = Sixteen(
      row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7), row(8), row(9), row(10), row(11), row(12),
      row(13), row(14), row(15))
    let columns = rows.interleaved.interleaved.interleaved.interleaved
    columns.visit { index, lanes in target.store(lanes, at: index * leading) }
  }

  private struct Sixteen {
    private let x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15: Lanes

    @inline(__always)
    init(
      _ x0: Lanes, _ x1: Lanes, _ x2: Lanes, _ x3: Lanes, _ x4: Lanes, _ x5: Lanes, _ x6: Lanes, _ x7: Lanes,
      _ x8: Lanes, _ x9: Lanes, _ x10: Lanes, _ x11: Lanes, _ x12: Lanes, _ x13: Lanes, _ x14: Lanes, _ x15: Lanes
    ) {
      (self.x0, self.x1, self.x2, self.x3) = (x0, x1, x2, x3)
      (self.x4, self.x5, self.x6, self.x7) = (x4, x5, x6, x7)
      (self.x8, self.x9, self.x10, self.x11) = (x8, x9, x10, x11)
      (self.x12, self.x13, self.x14, self.x15) = (x12, x13, x14, x15)
    }

    /// Row i and row i + 8 shuffled into rows 2 i and 2 i + 1.
    @inline(__always)
    var interleaved: Sixteen {
      let (a0, b0) = Self.shuffled(x0, x8)
      let (a1, b1) = Self.shuffled(x1, x9)
      let (a2, b2) = Self.shuffled(x2, x10)
      let (a3, b3) = Self.shuffled(x3, x11)
      let (a4, b4) = Self.shuffled(x4, x12)
      let (a5, b5) = Self.shuffled(x5, x13)
      let (a6, b6) = Self.shuffled(x6, x14)
      let (a7, b7) = Self.shuffled(x7, x15)
      return Sixteen(a0, b0, a1, b1, a2, b2, a3, b3, a4, b4, a5, b5, a6, b6, a7, b7)
    }

    @inline(__always)
    private static func shuffled(_ a: Lanes, _ b: Lanes) -> (Lanes, Lanes) {
      // Element by element: assigning halves compiles to three shuffles for each of these.
      let low = Lanes(
        a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3], a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7])
      let high = Lanes(
        a[8], b[8], a[9], b[9], a[10], b[10], a[11], b[11], a[12], b[12], a[13], b[13], a[14], b[14], a[15], b[15])
      return (low, high)
    }

    @inline(__always)
    func visit(_ body: (_ index: Int, _ lanes: Lanes) -> Void) {
      body(0, x0)
      body(1, x1)
      body(2, x2)
      body(3, x3)
      body(4, x4)
      body(5, x5)
      body(6, x6)
      body(7, x7)
      body(8, x8)
      body(9, x9)
      body(10, x10)
      body(11, x11)
      body(12, x12)
      body(13, x13)
      body(14, x14)
      body(15, x15)
    }
  }
}
