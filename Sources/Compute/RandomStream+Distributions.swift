import Glibc

extension RandomStream {
  /// A standard normal number (Box and Muller 1958; the second of the pair is dropped so that draws do not depend on
  /// history).
  public mutating func normal() -> Float {
    let u = 1 - Double(word()) * 0x1p-32, v = Double(word()) * 0x1p-32
    return Float((-2 * log(u)).squareRoot() * cos(2 * .pi * v))
  }

  /// A standard normal number redrawn until it lies in `bounds` (in units of the standard deviation).
  public mutating func truncatedNormal(within bounds: ClosedRange<Float>) -> Float {
    while true {
      let value = normal()
      if bounds.contains(value) { return value }
    }
  }

  /// A number from Beta(a, b), both above 0, as x / (x + y) of two gamma numbers.
  ///
  /// Their logarithms are what is drawn: for a small a both x and y are often smaller than any number.
  public mutating func beta(_ a: Double, _ b: Double) -> Double {
    let x = logGamma(a), y = logGamma(b)
    return 1 / (1 + exp(y - x))
  }

  /// The logarithm of a number from Gamma(shape, 1), shape > 0 (Marsaglia, Tsang; ACM TOMS 2000): below a shape of 1 it
  /// is that of shape + 1 and a uniform number to the power of 1 / shape.
  private mutating func logGamma(_ shape: Double) -> Double {
    let boost = shape < 1 ? log(1 - Double(word()) * 0x1p-32) / shape : 0
    let d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / (9 * d).squareRoot()
    while true {
      let x = Double(normal()), v = 1 + c * x
      guard v > 0 else { continue }
      let cube = v * v * v, u = 1 - Double(word()) * 0x1p-32
      if log(u) < 0.5 * x * x + d - d * cube + d * log(cube) { return log(d * cube) + boost }
    }
  }
}
