import Compute

/// The Euclidean norm of all gradients together, for clipping and for the log.
///
/// Each tile's squares are summed in double precision, then the tiles' sums in a fixed binary tree: neither depends on
/// the number of workers.
/// ```swift
/// team.run { worker in norm.measure(gradients, worker) }
/// let scale = clipping.scale(norm: norm.value)
/// ```
public final class GradientNorm: @unchecked Sendable {
  private let layout: ParameterLayout
  private let sums: UnsafeMutableBufferPointer<Double>

  public init(_ layout: ParameterLayout) {
    self.layout = layout
    let tiles = (layout.extent + ParameterLayout.tileElements - 1) / ParameterLayout.tileElements
    sums = .allocate(capacity: tiles)
    sums.initialize(repeating: 0)
  }

  deinit { sums.deallocate() }

  /// The end of the last parameter, and the tiles up to there.
  public var extent: Int { layout.extent }
  public var tileCount: Int { sums.count }

  /// The sum of squares of each tile.
  public var tileSums: [Double] {
    get { Array(sums) }
    set { _ = sums.update(fromContentsOf: newValue) }
  }

  /// Forgets all tiles.
  public func clear() { sums.update(repeating: 0) }

  /// Sums the tiles that `worker` is dealt; `value` holds after the next barrier.
  public func measure(_ gradients: UnsafePointer<Float>, _ worker: Worker) {
    for tile in worker.tiles(sums.count) { measure(tile: tile, of: gradients) }
  }

  /// Sums one tile of `gradients`.
  public func measure(tile: Int, of gradients: UnsafePointer<Float>) {
    measure(tile: tile, at: gradients + tile * ParameterLayout.tileElements)
  }

  /// Sums one tile, whose gradients begin at `memory`.
  public func measure(tile: Int, at memory: UnsafePointer<Float>) {
    let start = tile * ParameterLayout.tileElements
    var total = 0.0
    layout.forEachSpan(in: start..<min(start + ParameterLayout.tileElements, layout.extent)) { span, _ in
      total += Self.sumOfSquares(memory + (span.lowerBound - start), span.count)
    }
    sums[tile] = total
  }

  /// The norm; not a number or infinite when a gradient is.
  public var value: Double { Self.treeSum(sums[...]).squareRoot() }

  private static func sumOfSquares(_ values: UnsafePointer<Float>, _ count: Int) -> Double {
    // Two sums in flight: one would wait four cycles for itself at every step.
    var low = SIMD8<Double>(repeating: 0)
    var high = low
    for offset in stride(from: 0, to: count, by: 16) {
      let lanes = values.load(at: offset, min(16, count - offset))
      let a = SIMD8<Double>(lanes.lowHalf)
      let b = SIMD8<Double>(lanes.highHalf)
      low.addProduct(a, a)
      high.addProduct(b, b)
    }
    return (low + high).sum()
  }

  private static func treeSum(_ sums: Slice<UnsafeMutableBufferPointer<Double>>) -> Double {
    switch sums.count {
    case 0: return 0
    case 1: return sums[sums.startIndex]
    default:
      let middle = sums.startIndex + sums.count / 2
      return treeSum(sums[..<middle]) + treeSum(sums[middle...])
    }
  }
}

/// What keeps a gradient from being too large.
public enum Clipping: Hashable, Sendable {
  case none
  /// All gradients are scaled so that their common norm is at most this.
  case norm(Double)
  /// Each gradient is bounded to this magnitude.
  case value(Float)

  /// The factor to every gradient when their norm is `norm`: min(1, limit / (norm + 10⁻⁶)), as PyTorch's.
  public func scale(norm: Double) -> Float {
    guard case .norm(let limit) = self else { return 1 }
    let scale = limit / (norm + 1e-6)
    // Not `min`: a norm that is not a number must not pass for one that is small.
    return scale > 1 ? 1 : Float(scale)
  }

  /// The bound to every gradient's magnitude.
  public var limit: Float { if case .value(let limit) = self { limit } else { .infinity } }
}
