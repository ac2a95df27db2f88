import Compute

/// A row of floats taken sixteen at a time, the last vector holding the rest: for kernels that normalise or sum rows.
///
/// Bodies get a place and a count of 1...16 and use the accessors of `ChannelLanes.swift`, which fold to a plain load
/// or store where the count is the literal 16.
struct LaneRow {
  let count: Int
  private let whole: Int

  @inline(__always)
  init(_ count: Int) {
    self.count = count
    whole = count / 16 * 16
  }

  /// Visits the row from its start.
  @inline(__always)
  func visit(_ body: (_ at: Int, _ count: Int) -> Void) {
    var at = 0
    while at < whole {
      body(at, 16)
      at += 16
    }
    if at < count { body(at, count - at) }
  }

  /// The sum over the row: sixteen chains, then a tree. Lanes past the end must be zero.
  @inline(__always)
  func sum(_ term: (_ at: Int, _ count: Int) -> Lanes) -> Float {
    var sums = Lanes(repeating: 0)
    visit { at, count in sums += term(at, count) }
    return sums.total
  }
}
