import Compute
import Graphs
import Operators

/// Element-wise arithmetic; extents of 1 are repeated to fit, as NumPy does.
extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.applying(Add(), with: [b]) }
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.applying(Subtract(), with: [b]) }
  public static func * (a: Tensor, b: Tensor) -> Tensor { a.applying(Multiply(), with: [b]) }
  public static func / (a: Tensor, b: Tensor) -> Tensor { a.applying(Divide(), with: [b]) }
  public static func * (a: Tensor, factor: Float) -> Tensor { a.applying(Scale(by: factor)) }
  public static func * (factor: Float, a: Tensor) -> Tensor { a.applying(Scale(by: factor)) }
  public static func + (a: Tensor, offset: Float) -> Tensor { a.applying(Scale(by: 1, plus: offset)) }

  /// The larger of two elements; a tie shares the gradient.
  public func maximum(_ other: Tensor) -> Tensor { applying(Maximum(), with: [other]) }
  public func squared() -> Tensor { applying(Square()) }
  public func squareRoot() -> Tensor { applying(SquareRoot()) }
  public func exponential() -> Tensor { applying(Exponential()) }
  public func logarithm() -> Tensor { applying(Logarithm()) }
}
