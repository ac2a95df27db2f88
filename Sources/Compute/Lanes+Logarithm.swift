extension SIMD16<Float> {
  /// The natural logarithm, relative error below 2 units in the last place; -infinity at 0, NaN below.
  ///
  /// x = m 2^e with m in [sqrt(1/2), sqrt(2)), then log m by its minimax polynomial of degree nine around 1
  /// (coefficients as in the Cephes library's logf) and e ln 2 in two parts.
  @inlinable @inline(__always)
  public var logarithm: Lanes {
    let bits = unsafeBitCast(self, to: SIMD16<Int32>.self)
    // Subtracting the bits of sqrt(1/2) makes the exponent roll over there rather than at a power of two.
    let shifted = bits &- 0x3F35_04F3
    let e = SIMD16<Float>(shifted &>> 23)
    let m = unsafeBitCast((shifted & 0x007F_FFFF) &+ 0x3F35_04F3, to: Lanes.self)
    let x = m - 1, square = x * x
    var p = Lanes(repeating: 7.0376836292e-2)
    p = Lanes(repeating: -1.1514610310e-1).addingProduct(p, x)
    p = Lanes(repeating: 1.1676998740e-1).addingProduct(p, x)
    p = Lanes(repeating: -1.2420140846e-1).addingProduct(p, x)
    p = Lanes(repeating: 1.4249322787e-1).addingProduct(p, x)
    p = Lanes(repeating: -1.6668057665e-1).addingProduct(p, x)
    p = Lanes(repeating: 2.0000714765e-1).addingProduct(p, x)
    p = Lanes(repeating: -2.4999993993e-1).addingProduct(p, x)
    p = Lanes(repeating: 3.3333331174e-1).addingProduct(p, x)
    var rest = p * x * square
    rest = rest.addingProduct(e, Lanes(repeating: -2.12194440e-4))
    rest = rest.addingProduct(square, Lanes(repeating: -0.5))
    let value = (x + rest).addingProduct(e, Lanes(repeating: 0.693359375))
    return value
      .replacing(with: -.infinity, where: self .== 0)
      .replacing(with: .nan, where: self .< 0)
      .replacing(with: self, where: .!(self .< .infinity))
  }
}
