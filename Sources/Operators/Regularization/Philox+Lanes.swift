import Compute

extension Philox {
  /// The blocks with the numbers `first`..<`first + 16`, side by side: lane l of word w is word w of block `first + l`.
  ///
  /// `first` is a multiple of 16, so that the carry into the counter's upper half is the same for all.
  @inline(__always)
  static func sixteenBlocks(
    _ key: RandomKey, from first: UInt64
  ) -> (SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>) {
    let lane = SIMD16<UInt32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    var c0 = lane &+ UInt32(truncatingIfNeeded: first)
    var c1 = SIMD16<UInt32>(repeating: UInt32(truncatingIfNeeded: first >> 32))
    var c2 = SIMD16<UInt32>(repeating: 0), c3 = c2
    var k0 = UInt32(truncatingIfNeeded: key.bits), k1 = UInt32(truncatingIfNeeded: key.bits >> 32)
    for _ in 0..<10 {
      let (high0, low0) = product(0xD251_1F53, c0), (high1, low1) = product(0xCD9E_8D57, c2)
      (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0)
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }

  /// The upper and lower halves of the 64-bit products: even and odd lanes are multiplied apart, which is one
  /// instruction each.
  @inline(__always)
  private static func product(
    _ factor: UInt64, _ lanes: SIMD16<UInt32>
  ) -> (high: SIMD16<UInt32>, low: SIMD16<UInt32>) {
    let pairs = unsafeBitCast(lanes, to: SIMD8<UInt64>.self)
    let even = (pairs & 0xFFFF_FFFF) &* factor, odd = (pairs &>> 32) &* factor
    let high = (even &>> 32) | (odd & 0xFFFF_FFFF_0000_0000)
    let low = (even & 0xFFFF_FFFF) | (odd &<< 32)
    return (unsafeBitCast(high, to: SIMD16<UInt32>.self), unsafeBitCast(low, to: SIMD16<UInt32>.self))
  }
}
