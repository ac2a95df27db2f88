import Compute

/// Seven sums of sixteen lanes in registers.
struct SevenLanes {
  private var s0, s1, s2, s3, s4, s5, s6: Lanes

  @inline(__always)
  init(repeating lanes: Lanes) { (s0, s1, s2, s3, s4, s5, s6) = (lanes, lanes, lanes, lanes, lanes, lanes, lanes) }

  /// Adds lanes · factor(k) to sum k, for all or the first `count`.
  @inline(__always)
  mutating func addProducts(_ lanes: Lanes, count: Int = 7, _ factor: (_ k: Int) -> Lanes) {
    s0.addProduct(lanes, factor(0))
    if count > 1 { s1.addProduct(lanes, factor(1)) }
    if count > 2 { s2.addProduct(lanes, factor(2)) }
    if count > 3 { s3.addProduct(lanes, factor(3)) }
    if count > 4 { s4.addProduct(lanes, factor(4)) }
    if count > 5 { s5.addProduct(lanes, factor(5)) }
    if count > 6 { s6.addProduct(lanes, factor(6)) }
  }

  @inline(__always)
  mutating func add(_ other: SevenLanes) {
    s0 += other.s0
    s1 += other.s1
    s2 += other.s2
    s3 += other.s3
    s4 += other.s4
    s5 += other.s5
    s6 += other.s6
  }

  /// Visits the first `count` sums in order.
  @inline(__always)
  func visit(_ count: Int, _ body: (_ k: Int, _ sum: Lanes) -> Void) {
    body(0, s0)
    if count > 1 { body(1, s1) }
    if count > 2 { body(2, s2) }
    if count > 3 { body(3, s3) }
    if count > 4 { body(4, s4) }
    if count > 5 { body(5, s5) }
    if count > 6 { body(6, s6) }
  }
}

/// Cuts `count` into even groups of at most seven: the first of each, and their number.
@inline(__always)
func forEachGroup(of count: Int, _ body: (_ first: Int, _ size: Int) -> Void) {
  let groups = (count + 6) / 7
  for group in 0..<groups {
    let first = count * group / groups
    body(first, count * (group + 1) / groups - first)
  }
}
