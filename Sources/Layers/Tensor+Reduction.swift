import Compute
import Graphs
import Operators

/// The axes that a reduction runs over.
public enum ReductionAxes: Hashable, Sendable {
  /// Rows and columns of `[N, H, W, C]`.
  case spatial
  /// The innermost axis.
  case channels
  /// Any axes; negative ones count from the end.
  case axes([Int])

  func resolved(rank: Int) -> [Int] {
    switch self {
    case .spatial: rank == 4 ? [1, 2] : []
    case .channels: [rank - 1]
    case .axes(let axes): axes.map { $0 < 0 ? rank + $0 : $0 }.sorted()
    }
  }
}

/// Reductions; every reduced axis stays with extent 1, so that the result broadcasts against what it came from.
extension Tensor {
  public func mean(over axes: ReductionAxes) -> Tensor { reduced(axes) { Mean(over: $0) } }
  public func sum(over axes: ReductionAxes) -> Tensor { reduced(axes) { Sum(over: $0) } }
  public func max(over axes: ReductionAxes) -> Tensor { reduced(axes) { Max(over: $0) } }
  /// log Σ e^x.
  public func logSumExp(over axes: ReductionAxes) -> Tensor { reduced(axes) { LogSumExp(over: $0) } }
  /// sqrt(Σ x²).
  public func l2Norm(over axes: ReductionAxes) -> Tensor { reduced(axes) { L2Norm(over: $0) } }

  private func reduced(_ axes: ReductionAxes, _ subject: ([Int]) -> any Operator) -> Tensor {
    guard isValid else { return self }
    let resolved = axes.resolved(rank: shape.rank)
    guard !resolved.isEmpty, resolved.allSatisfy({ $0 >= 0 && $0 < shape.rank }) else {
      return trace.invalid("cannot reduce \(shape) over \(axes)")
    }
    return applying(subject(resolved))
  }
}
