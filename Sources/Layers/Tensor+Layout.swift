import Compute
import Graphs
import Operators

/// Operations that move elements. `reshaped` is the one that does not.
extension Tensor {
  /// This tensor and `others` one after the other along `axis`; a negative axis counts from the end.
  public func concatenated(with others: [Tensor], axis: Int) -> Tensor {
    isValid ? applying(Concatenate(along: resolved(axis)), with: others) : self
  }

  /// The elements `range` along `axis`.
  public func sliced(_ range: Range<Int>, axis: Int) -> Tensor {
    isValid ? applying(Slice(along: resolved(axis), start: range.lowerBound, length: range.count)) : self
  }

  /// The axes in another order.
  public func transposed(_ order: [Int]) -> Tensor { applying(Transpose(order)) }

  /// Extents of 1 repeated to those of `shape`.
  public func repeated(to shape: Shape) -> Tensor { applying(Repeat(to: shape)) }

  /// Zeros around the image.
  public func padded(top: Int, bottom: Int, left: Int, right: Int) -> Tensor {
    applying(Pad(top: top, bottom: bottom, left: left, right: right))
  }

  private func resolved(_ axis: Int) -> Int { axis < 0 ? shape.rank + axis : axis }
}
