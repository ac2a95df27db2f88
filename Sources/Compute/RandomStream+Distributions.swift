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
}
