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
      total += sumOfSquares(memory + (span.lowerBound - start), span.count)
    }
    sums[tile] = total
  }

  /// The norm; not a number or infinite when a gradient is.
  public var value: Double { treeSum(sums[...]).squareRoot() }
}

/// What keeps a gradient from being too large.
public enum Clipping: Hashable, Sendable {
  case none
  /// All gradients are scaled so that their common norm is at most this.
  case norm(Double)
  /// Each gradient is bounded to this magnitude.
  case value(Float)
  /// The gradient of each output unit is scaled so that its norm is at most this part of its weights': see
  /// `AdaptiveClipping`.
  case adaptive(Double)

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
