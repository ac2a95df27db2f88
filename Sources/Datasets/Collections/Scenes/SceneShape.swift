import Compute

/// The ten kinds of object in the built-in scenes, each a signed distance in its own frame: unit circle around the
/// origin, y downwards, upright.
public enum SceneShape: Int, CaseIterable, Sendable {
  case arrow, circle, crescent, cross, dome, heart, ring, square, star, triangle

  /// The name of the class.
  public var name: String { "\(self)" }

  /// The distance of sixteen points (x, y) from the outline, negative inside. Exact near the outline away from corners,
  /// which is where antialiasing reads it.
  @inline(__always)
  func distance(_ x: Lanes, _ y: Lanes) -> Lanes {
    let side = x.magnitude
    switch self {
    case .arrow:
      let head = larger(y + 0.1, 0.727 * side - 0.687 * (y + 1))
      let shaft = larger(side - 0.3, larger(y - 0.9, -0.2 - y))
      return smaller(head, shaft)
    case .circle:
      return length(x, y) - 0.86
    case .crescent:
      return larger(length(x, y) - 0.94, 0.74 - length(x - 0.42, y + 0.16))
    case .cross:
      return smaller(larger(side - 0.31, y.magnitude - 0.94), larger(side - 0.94, y.magnitude - 0.31))
    case .dome:
      return larger(length(x, y - 0.42) - 0.95, y - 0.42)
    case .heart:
      // A square on its corner, and a disc on each of its upper edges.
      let half: Float = 0.74, low = y - 0.1
      let diamond = (side + low.magnitude - half) * 0.70711
      return smaller(diamond, length(side - half / 2, low + half / 2) - 0.70711 * half)
    case .ring:
      return (length(x, y) - 0.68).magnitude - 0.22
    case .square:
      return larger(side, y.magnitude) - 0.74
    case .star:
      // Two reflections fold the ten half-points onto one, whose edge runs from (0, 1) to (0.247, 0.340).
      let (u, v) = folded(side, -y, along: (0.80902, -0.58779))
      let (s, t) = folded(u, v, along: (-0.80902, -0.58779))
      return 0.93674 * s.magnitude + 0.35032 * (t - 1)
    case .triangle:
      return larger(y - 0.5, 0.86603 * side - 0.5 * y - 0.5)
    }
  }
}

@inline(__always)
private func smaller(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .< a) }

@inline(__always)
private func larger(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .> a) }

@inline(__always)
private func length(_ x: Lanes, _ y: Lanes) -> Lanes { (x * x + y * y).squareRoot() }

/// Mirrors points on the side of the normal's tip onto the other side of the line through the origin.
@inline(__always)
private func folded(_ x: Lanes, _ y: Lanes, along normal: (Float, Float)) -> (Lanes, Lanes) {
  let beyond = 2 * larger(x * normal.0 + y * normal.1, Lanes(repeating: 0))
  return (x - beyond * normal.0, y - beyond * normal.1)
}
