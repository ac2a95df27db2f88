import Safetensors

/// Where the tensors at two paths differ, name by name.
public struct TensorComparison: Sendable {
  /// How one tensor differs.
  public enum Difference: Hashable, Sendable {
    case onlyInFirst
    case onlyInSecond
    case shape([Int], [Int])
    /// So many elements, the largest difference, and that over the largest magnitude of the first.
    case values(count: Int, of: Int, largest: Double, relative: Double)
  }

  /// The names that both have.
  public private(set) var commonCount = 0
  /// Tensors that differ by more than is allowed: those with other names or shapes, then the largest differences first.
  public private(set) var differences: [(name: String, difference: Difference)] = []

  /// Compares. One tensor of each side is in memory at a time.
  /// - Parameter tolerance: what is allowed of |a - b|, as a share of the largest |a| of the tensor; at 0 any other
  ///   number is a difference, and only the same NaN is no difference to a NaN.
  public init(_ first: StoredTensors, _ second: StoredTensors, tolerance: Double = 0) throws {
    var values: [(name: String, difference: Difference)] = []
    for name in Set(first.names).union(second.names).sorted() {
      guard let a = try first.description(name) else {
        differences.append((name, .onlyInSecond))
        continue
      }
      guard let b = try second.description(name) else {
        differences.append((name, .onlyInFirst))
        continue
      }
      commonCount += 1
      guard a.shape == b.shape else {
        differences.append((name, .shape(a.shape, b.shape)))
        continue
      }
      if let difference = Self.difference(try first.values(name), try second.values(name), tolerance) {
        values.append((name, difference))
      }
    }
    differences += values.sorted { (-$0.difference.relative, $0.name) < (-$1.difference.relative, $1.name) }
  }

  private static func difference(_ a: [Double], _ b: [Double], _ tolerance: Double) -> Difference? {
    let scale = a.reduce(0) { max($0, abs($1)) }
    var count = 0, largest = 0.0
    for (x, y) in zip(a, b) where x != y && x.bitPattern != y.bitPattern {
      let distance = abs(x - y)
      if distance <= tolerance * scale { continue }
      count += 1
      largest = distance.isFinite ? max(largest, distance) : .infinity
    }
    guard count > 0 else { return nil }
    return .values(count: count, of: a.count, largest: largest, relative: scale > 0 ? largest / scale : .infinity)
  }
}

extension TensorComparison.Difference {
  /// The largest difference as a share of the tensor's largest magnitude.
  fileprivate var relative: Double { if case .values(_, _, _, let relative) = self { relative } else { .infinity } }
}
