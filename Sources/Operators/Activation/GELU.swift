import Compute

/// Gaussian error linear unit, y = x Φ(x), Φ the standard normal distribution (Hendrycks, Gimpel 2016); any shape.
///
/// Φ is computed from its tail (`normalTail`). With `approximation: .tanh`, y = x (1 + tanh u) / 2 = x σ(2u), u =
/// √(2/π) (x + 0.044715 x³).
public struct GELU: ElementFunction {
  /// How Φ is computed. They differ by up to 5e-4, so a network uses the one that it was published with.
  public enum Approximation: Sendable { case none, tanh }

  public let approximation: Approximation

  public init(approximation: Approximation = .none) { self.approximation = approximation }

  public var name: String { "gelu" }

  public static var derivativeReads: DerivativeArgument { .input }

  @inline(__always)
  public func value(_ x: Lanes) -> Lanes {
    switch approximation {
    case .none: x * Self.distribution(x, tail: x.normalTail.tail)
    case .tanh: x * Self.doubledArgument(x).logistic
    }
  }

  /// dx = dy (Φ(x) + x φ(x)), φ the normal density; or dy (s + x s (1 - s) 2u'), s = σ(2u).
  @inline(__always)
  public func gradient(_ dy: Lanes, at x: Lanes) -> Lanes {
    switch approximation {
    case .none:
      let (tail, power) = x.normalTail
      return dy * Self.distribution(x, tail: tail).addingProduct(x * 0.39894228, power)
    case .tanh:
      let s = Self.doubledArgument(x).logistic
      let slope = Lanes(repeating: 1.59576912).addingProduct(x * x, Lanes(repeating: 0.21406445))
      return dy * s.addingProduct(x * s * (1 - s), slope)
    }
  }

  /// Φ(x) from Φ(-|x|).
  @inline(__always)
  private static func distribution(_ x: Lanes, tail: Lanes) -> Lanes { (1 - tail).replacing(with: tail, where: x .< 0) }

  /// 2u = √(8/π) (x + 0.044715 x³).
  @inline(__always)
  private static func doubledArgument(_ x: Lanes) -> Lanes {
    x * Lanes(repeating: 1.59576912).addingProduct(x * x, Lanes(repeating: 0.07135482))
  }
}
