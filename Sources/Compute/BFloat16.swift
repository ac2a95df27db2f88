/// Conversion between float32 and bfloat16, its upper half: 8 bits of exponent, 8 of significand with the hidden one.
public enum BFloat16 {
  /// The largest relative error of rounding: half a unit in the last of 8 bits.
  public static let relativeError: Float = 0x1p-8

  /// Rounds `count` floats to the nearest bfloat16, ties to even, and keeps what rounding lost:
  /// `rounded + lost = values`, exactly.
  public static func split(
    _ values: UnsafePointer<Float>, into rounded: UnsafeMutablePointer<UInt16>, lost: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    for index in 0..<count { (rounded[index], lost[index]) = split(values[index]) }
  }

  /// Rounds `values + lost`: what an earlier rounding lost is made up for, and what this one loses is kept.
  public static func split(
    _ values: UnsafePointer<Float>, and lost: UnsafeMutablePointer<Float>, into rounded: UnsafeMutablePointer<UInt16>,
    count: Int
  ) {
    for index in 0..<count { (rounded[index], lost[index]) = split(values[index] + lost[index]) }
  }

  /// Writes `count` bfloat16 as floats.
  public static func widen(_ rounded: UnsafePointer<UInt16>, into values: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { values[index] = Float(bitPattern: UInt32(rounded[index]) << 16) }
  }

  /// Adds `count` bfloat16 to floats.
  public static func add(_ rounded: UnsafePointer<UInt16>, to values: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { values[index] += Float(bitPattern: UInt32(rounded[index]) << 16) }
  }

  /// Adds `count` bfloat16 and what a rounding lost to floats: `values + lost + rounded`.
  public static func add(
    _ rounded: UnsafePointer<UInt16>, and lost: UnsafePointer<Float>, to values: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count {
      values[index] = values[index] + lost[index] + Float(bitPattern: UInt32(rounded[index]) << 16)
    }
  }

  @inline(__always)
  private static func split(_ value: Float) -> (rounded: UInt16, lost: Float) {
    let bits = round(value.bitPattern)
    return (bits, value - Float(bitPattern: UInt32(bits) << 16))
  }

  /// A NaN stays one: adding to its significand could carry it into infinity or zero.
  @inline(__always)
  private static func round(_ bits: UInt32) -> UInt16 {
    let nearest = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    return UInt16(truncatingIfNeeded: isNaN ? bits >> 16 | 0x40 : nearest)
  }
}
