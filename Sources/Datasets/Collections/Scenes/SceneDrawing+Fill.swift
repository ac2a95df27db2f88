import Compute

extension SceneDrawing.Fill {
  /// How much of the second colour there is, 0...1, at sixteen points of the frame that is filled.
  /// - Parameter pixel: the size of a pixel in that frame, over which the pattern's edges are smoothed.
  @inline(__always)
  func share(_ x: Lanes, _ y: Lanes, pixel: Float) -> Lanes {
    let (along, across) = turn.undo(x, y)
    // A pattern's period is 1 in (u, v), where a pixel measures pixel * frequency.
    let u = along * frequency + phase.x, v = across * frequency + phase.y
    let sharpness = 1 / (pixel * frequency)
    switch pattern {
    case .plain: return Lanes(repeating: 0)
    case .gradient: return (0.5 + 0.55 * along).limited(0, 1)
    case .stripes: return Self.step(Self.wave(u) - 0.25, sharpness)
    case .checks:
      let a = Self.step(Self.wave(u) - 0.25, sharpness), b = Self.step(Self.wave(v) - 0.25, sharpness)
      return a + b - 2 * a * b
    case .dots:
      let du = u - floor(u).value - 0.5, dv = v - floor(v).value - 0.5
      return Self.step(0.3 - (du * du + dv * dv).squareRoot(), sharpness)
    case .clouds:
      let soft = 0.65 * noise(u, v) + 0.35 * noise(2.03 * u + 5, 2.03 * v + 3)
      return (0.5 + 1.9 * (soft - 0.5)).limited(0, 1)
    }
  }

  /// A triangle wave of period 1 between 0 and 0.5.
  @inline(__always)
  private static func wave(_ u: Lanes) -> Lanes { (u - floor(u + 0.5).value).magnitude }

  /// A step from 0 to 1 at zero, smoothed over 1 / sharpness.
  @inline(__always)
  private static func step(_ value: Lanes, _ sharpness: Float) -> Lanes { (value * sharpness + 0.5).limited(0, 1) }

  /// Smooth noise in 0...1 between random numbers at whole (u, v).
  @inline(__always)
  private func noise(_ u: Lanes, _ v: Lanes) -> Lanes {
    let (left, column) = floor(u), (top, row) = floor(v)
    let a = Self.smooth(u - left), b = Self.smooth(v - top)
    let (corner, right) = (lattice(column, row), lattice(column &+ 1, row))
    let (below, opposite) = (lattice(column, row &+ 1), lattice(column &+ 1, row &+ 1))
    let upper = corner + a * (right - corner), lower = below + a * (opposite - below)
    return upper + b * (lower - upper)
  }

  @inline(__always)
  private static func smooth(_ t: Lanes) -> Lanes { t * t * (3 - 2 * t) }

  /// A cheap hash of whole places, uniform in [0, 1).
  @inline(__always)
  private func lattice(_ column: SIMD16<UInt32>, _ row: SIMD16<UInt32>) -> Lanes {
    var bits = (column &* 0x9E37_79B1) ^ (row &* 0x85EB_CA77) ^ seed
    bits = (bits ^ (bits &>> 15)) &* 0x2C1B_3C6D
    bits ^= bits &>> 13
    // 23 random bits behind the exponent of 1 make a float in [1, 2).
    return unsafeBitCast((bits &>> 9) | 0x3F80_0000, to: Lanes.self) - 1
  }
}

/// The largest whole number at or below each lane (of magnitude below 2^22), and a 32-bit integer that counts with it.
@inline(__always)
private func floor(_ x: Lanes) -> (value: Lanes, integer: SIMD16<UInt32>) {
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves that integer in the low bits.
  let shift = Lanes(repeating: 0x1.8p23)
  let nearest = (x + shift) - shift
  let value = nearest.replacing(with: nearest - 1, where: nearest .> x)
  return (value, unsafeBitCast(value + shift, to: SIMD16<UInt32>.self))
}
