import CProcessor

/// Transcendental functions on sixteen floats at once: the C library's take one number and 20 ns, these about 1 ns.
///
/// They agree with the exact functions at zeros, infinities and in the tails, and pass NaN through, so that a training
/// that diverges shows it.
extension SIMD16<Float> {
  /// The lanes limited to `low...high`; NaN stays NaN (`pointwiseMax` would drop it).
  @inlinable @inline(__always)
  public func limited(_ low: Lanes, _ high: Lanes) -> Lanes { processor_clamp(self, low, high) }

  @inlinable @inline(__always)
  public func limited(_ low: Float, _ high: Float) -> Lanes {
    limited(Lanes(repeating: low), Lanes(repeating: high))
  }

  /// The lanes whose `argument` lies between `low` and `high`, 0 in place of the others; where it is NaN they stay.
  @inlinable @inline(__always)
  public func kept(between low: Lanes, _ high: Lanes, at argument: Lanes) -> Lanes {
    processor_within(self, argument, low, high)
  }

  @inlinable @inline(__always)
  public func kept(between low: Float, _ high: Float, at argument: Lanes) -> Lanes {
    kept(between: Lanes(repeating: low), Lanes(repeating: high), at: argument)
  }

  /// |x|.
  @inlinable @inline(__always)
  public var magnitude: Lanes {
    unsafeBitCast(unsafeBitCast(self, to: SIMD16<UInt32>.self) & 0x7FFF_FFFF, to: Lanes.self)
  }

  /// e^x, relative error below 2 units in the last place; 0 and infinity where a float ends.
  ///
  /// e^r 2^n (`exponentialParts`), 2^n as the product of two powers, since one alone could not reach the ends of the
  /// range.
  @inlinable @inline(__always)
  public var exponential: Lanes {
    let (value, shifted) = limited(-105, 89).exponentialParts
    let power = shifted &- unsafeBitCast(Lanes(repeating: 0x1.8p23), to: SIMD16<Int32>.self)
    let half = power &>> 1
    return value * Self.powerOfTwo(half) * Self.powerOfTwo(power &- half)
  }

  /// e^r for x = n ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts, Cody and Waite 1980) by its minimax polynomial of
  /// degree six (coefficients as in the Cephes library's expf), and the bits of 1.5 * 2^23 + n.
  @inlinable @inline(__always)
  var exponentialParts: (value: Lanes, shifted: SIMD16<Int32>) {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves that integer in the low bits.
    let shift = Lanes(repeating: 0x1.8p23)
    let shifted = shift.addingProduct(self, Lanes(repeating: 1.44269504))
    let n = shifted - shift
    var r = self.addingProduct(n, Lanes(repeating: -0.693359375))
    r = r.addingProduct(n, Lanes(repeating: 2.12194440e-4))
    var p = Lanes(repeating: 1.9875691500e-4)
    p = Lanes(repeating: 1.3981999507e-3).addingProduct(p, r)
    p = Lanes(repeating: 8.3334519073e-3).addingProduct(p, r)
    p = Lanes(repeating: 4.1665795894e-2).addingProduct(p, r)
    p = Lanes(repeating: 1.6666665459e-1).addingProduct(p, r)
    p = Lanes(repeating: 5.0000001201e-1).addingProduct(p, r)
    return ((r + 1).addingProduct(p, r * r), unsafeBitCast(shifted, to: SIMD16<Int32>.self))
  }

  /// 2^n for n in -126...127, by writing the exponent's bits.
  @inlinable @inline(__always)
  static func powerOfTwo(_ n: SIMD16<Int32>) -> Lanes { unsafeBitCast((n &+ 127) &<< 23, to: Lanes.self) }

  /// 1 / (1 + e^-x).
  @inlinable @inline(__always)
  public var logistic: Lanes { 1 / (1 + (-self).exponential) }

  /// tanh x = 1 - 2 / (e^2x + 1), and its series where that would cancel.
  @inlinable @inline(__always)
  public var hyperbolicTangent: Lanes {
    let large = 1 - 2 / ((self * 2).exponential + 1)
    let square = self * self
    // To the eleventh power; the first omitted term is below 2e-7 of the result for |x| < 0.4.
    var p = Lanes(repeating: -1382.0 / 155_925)
    p = Lanes(repeating: 62.0 / 2835).addingProduct(p, square)
    p = Lanes(repeating: -17.0 / 315).addingProduct(p, square)
    p = Lanes(repeating: 2.0 / 15).addingProduct(p, square)
    p = Lanes(repeating: -1.0 / 3).addingProduct(p, square)
    let small = self.addingProduct(self * square, p)
    return large.replacing(with: small, where: square .< 0.16)
  }

  /// The complementary error function, 1 - erf x, with a small relative error in the right tail too.
  ///
  /// erfc x = t exp(-x² + P(t)), t = 1 / (1 + x/2) for x >= 0, fractional error below 1.2e-7 before rounding
  /// (Chebyshev fit of Press et al., Numerical Recipes, section 6.2); erfc(-x) = 2 - erfc x.
  @inlinable @inline(always)
  public var errorFunctionComplement: Lanes {
    let x = magnitude
    let t = 1 / (1 + x * 0.5)
    var p = Lanes(repeating: 0.17087277)
    p = Lanes(repeating: -0.82215223).addingProduct(p, t)
    p = Lanes(repeating: 1.48851587).addingProduct(p, t)
    p = Lanes(repeating: -1.13520398).addingProduct(p, t)
    p = Lanes(repeating: 0.27886807).addingProduct(p, t)
    p = Lanes(repeating: -0.18628806).addingProduct(p, t)
    p = Lanes(repeating: 0.09678418).addingProduct(p, t)
    p = Lanes(repeating: 0.37409196).addingProduct(p, t)
    p = Lanes(repeating: 1.00002368).addingProduct(p, t)
    p = Lanes(repeating: -1.26551223).addingProduct(p, t)
    let right = t * p.addingProduct(-x, x).exponential
    return right.replacing(with: 2 - right, where: self .< 0)
  }

  /// The Gauss error function; its series below 1/2, so that the relative error is small at zero as well.
  @inlinable @inline(__always)
  public var errorFunction: Lanes {
    let square = self * self
    // 2/sqrt(pi) sum (-1)^k x^(2k+1) / (k! (2k+1)) to k = 5; the first omitted term is below 3e-8 of the result.
    var p = Lanes(repeating: -1.0 / 1320)
    p = Lanes(repeating: 1.0 / 216).addingProduct(p, square)
    p = Lanes(repeating: -1.0 / 42).addingProduct(p, square)
    p = Lanes(repeating: 1.0 / 10).addingProduct(p, square)
    p = Lanes(repeating: -1.0 / 3).addingProduct(p, square)
    p = Lanes(repeating: 1).addingProduct(p, square)
    return (1 - errorFunctionComplement).replacing(with: self * p * 1.12837917, where: square .< 0.25)
  }
}
