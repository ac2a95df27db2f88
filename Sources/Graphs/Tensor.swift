import Compute
import Operators

/// A symbolic tensor: what model code computes with. Every operation on it adds a node to its trace.
///
/// Model code needs no `try`: a shape that does not fit is recorded with the path of the module and thrown when the
/// trace is finished; the result of such an operation is `invalid` and every operation on it silently is so too.
public struct Tensor {
  public let trace: Trace
  /// The value behind it; `nil` after a mistake.
  let value: ValueID?
  public let shape: Shape

  init(trace: Trace, value: ValueID?, shape: Shape) {
    self.trace = trace
    self.value = value
    self.shape = shape
  }

  /// False when this tensor is the result of a mistake that the trace has recorded.
  public var isValid: Bool { value != nil }

  /// The innermost extent.
  public var channels: Int { shape.rank == 0 ? 0 : shape.channels }

  /// The same elements under another shape; -1 stands for the one extent that follows from the others. Costs nothing.
  public func reshaped(_ extents: Int...) -> Tensor { reshaped(extents) }

  public func reshaped(_ extents: [Int]) -> Tensor {
    guard isValid else { return self }
    var extents = extents
    let known = extents.filter { $0 != -1 }.reduce(1, *)
    if let hole = extents.firstIndex(of: -1), known > 0, shape.count % known == 0 { extents[hole] = shape.count / known }
    guard extents.allSatisfy({ $0 > 0 }), extents.count <= 8, extents.reduce(1, *) == shape.count else {
      return trace.invalid("cannot reshape \(shape) to \(extents)")
    }
    return Tensor(trace: trace, value: value, shape: Shape(extents))
  }

  /// Applies an operator that has one output.
  public func applying(_ subject: any Operator, with others: [Tensor] = [], name: String? = nil) -> Tensor {
    trace.apply(subject, [self] + others, name: name)[0]
  }
}
