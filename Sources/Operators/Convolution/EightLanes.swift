import Compute

/// Eight sums of sixteen lanes, the accumulators of a convolution kernel: separate variables, so that each keeps a
/// register through the loop that adds to it, and eight of them because a multiply-add takes four cycles and two start
/// in each.
struct EightLanes {
  private var s0, s1, s2, s3, s4, s5, s6, s7: Lanes

  @inline(__always)
  init(repeating lanes: Lanes) {
    (s0, s1, s2, s3) = (lanes, lanes, lanes, lanes)
    (s4, s5, s6, s7) = (lanes, lanes, lanes, lanes)
  }

  /// Adds lanes · factor(k) to sum k.
  @inline(__always)
  mutating func addProducts(_ lanes: Lanes, _ factor: (_ k: Int) -> Lanes) {
    s0.addProduct(lanes, factor(0))
    s1.addProduct(lanes, factor(1))
    s2.addProduct(lanes, factor(2))
    s3.addProduct(lanes, factor(3))
    s4.addProduct(lanes, factor(4))
    s5.addProduct(lanes, factor(5))
    s6.addProduct(lanes, factor(6))
    s7.addProduct(lanes, factor(7))
  }

  /// Visits the sums in order.
  @inline(__always)
  func visit(_ body: (_ k: Int, _ sum: Lanes) -> Void) {
    body(0, s0)
    body(1, s1)
    body(2, s2)
    body(3, s3)
    body(4, s4)
    body(5, s5)
    body(6, s6)
    body(7, s7)
  }
}
