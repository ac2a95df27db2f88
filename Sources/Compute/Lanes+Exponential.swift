extension SIMD16<Float> {
  /// e^x for x below 88: exactly 0 below -87.3, NaN for NaN, garbage above. `exponential` without the ends of its
  /// range, at two thirds of its cost (17 operations for 25), for scores less their maximum and for exponents of
  /// densities.
  @inlinable @inline(__always)
  public var boundedExponential: Lanes {
    let (value, shifted) = exponentialParts
    // The low bits of `shifted` are n; shifting n + 127 to the exponent's place pushes the others out.
    let power = (shifted &+ 127) &<< 23
    return (value * unsafeBitCast(power, to: Lanes.self)).replacing(with: 0, where: self .< -87.3)
  }

  /// Φ(-|x|), the normal distribution's tail, and e^(-x²/2), which the density is made of; one exponential for both.
  ///
  /// Φ(-|x|) = t Q(t) e^(-x²/2), t = 1 / (1 + 0.3 |x|): t Q(t) is the scaled complementary error function erfcx(|x|/√2)
  /// / 2, Q its polynomial of degree seven with the least relative error, 1.5e-7, for |x| <= 14.
  @inlinable @inline(__always)
  public var normalTail: (tail: Lanes, power: Lanes) {
    let t = 1 / Lanes(repeating: 1).addingProduct(magnitude, Lanes(repeating: 0.3))
    var q = Lanes(repeating: 0.0356748769)
    q = Lanes(repeating: -0.157203499).addingProduct(q, t)
    q = Lanes(repeating: 0.206354196).addingProduct(q, t)
    q = Lanes(repeating: -0.0536842455).addingProduct(q, t)
    q = Lanes(repeating: 0.128561924).addingProduct(q, t)
    q = Lanes(repeating: 0.0999134088).addingProduct(q, t)
    q = Lanes(repeating: 0.120753968).addingProduct(q, t)
    q = Lanes(repeating: 0.119629298).addingProduct(q, t)
    let power = (self * self * -0.5).boundedExponential
    return (q * t * power, power)
  }
}
