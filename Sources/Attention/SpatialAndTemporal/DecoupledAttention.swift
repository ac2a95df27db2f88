import Configuration
import Graphs
import Layers

/// Decoupled spatial-temporal attention (DSTT; Liu et al.; arXiv 2104.06637, section 3.2): blocks that attend within
/// one frame alternate with blocks that attend within one zone of all frames.
///
/// Multi-head attention with separate projections of queries, keys and values. In and out clips `[N, T, H, W, D]`.
public struct DecoupledAttention: Module, Sendable {
  /// Which tokens a token attends to.
  public enum Mode: Hashable, Sendable {
    /// Among the tokens of each frame.
    case spatial
    /// Among the tokens of all frames within each of `rows` by `columns` zones.
    case temporal(rows: Int, columns: Int)
  }

  /// The half of the pair that this block is.
  public var mode: Mode
  /// Must divide the width D.
  public var heads: Int

  /// Two of them in turn, spatial and temporal, let every token reach every other.
  public init(_ mode: Mode, heads: Int) {
    self.mode = mode
    self.heads = heads
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isClip else { return x.notAClip("cannot attend to") }
    if case .temporal(let rows, let columns) = mode {
      guard x.shape[2] % rows == 0, x.shape[3] % columns == 0 else {
        return x.trace.invalid("cannot cut \(x.shape) into \(rows) by \(columns) zones")
      }
    }
    let width = x.channels
    let queries = grouped(x.linear("query_embedding", width)), keys = grouped(x.linear("key_embedding", width))
    let attended = queries.attending(
      to: keys, grouped(x.linear("value_embedding", width)), heads: heads,
      seenAs: mode == .spatial ? .relation : .relationInClip)
    return spread(attended, x).linear("output_linear", width)
  }

  /// The tokens that attend to each other side by side, `[groups, tokens, D]`.
  private func grouped(_ x: Tensor) -> Tensor {
    switch mode {
    case .spatial: x.reshaped(x.shape[0] * x.shape[1], -1, x.channels)
    case .temporal(let rows, let columns):
      x.reshaped(zoned(x, rows, columns)).transposed([0, 2, 4, 1, 3, 5, 6])  // [N, rows, columns, T, h, w, D]
        .reshaped(x.shape[0] * rows * columns, -1, x.channels)
    }
  }

  /// Back to the clip's order.
  private func spread(_ groups: Tensor, _ x: Tensor) -> Tensor {
    guard groups.isValid, case .temporal(let rows, let columns) = mode else { return groups.reshaped(x.shape.array) }
    let zoned = zoned(x, rows, columns)
    return groups.reshaped([0, 2, 4, 1, 3, 5, 6].map { zoned[$0] }).transposed([0, 3, 1, 4, 2, 5, 6])
      .reshaped(x.shape.array)
  }

  /// `[N, T, rows, h, columns, w, D]`.
  private func zoned(_ x: Tensor, _ rows: Int, _ columns: Int) -> [Int] {
    [x.shape[0], x.shape[1], rows, x.shape[2] / rows, columns, x.shape[3] / columns, x.channels]
  }
}

extension DecoupledAttention {
  /// `frames`, `heads`.
  static func spatialSlot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ClipFolding(
      frames: try options.frames(),
      DecoupledAttention(.spatial, heads: try options.int("heads", default: 8, in: 1...1024)))
    return AttentionSlot("dstt_spatial", member: "dstt_spatial", stages: [4]) { _ in module }
  }

  /// `frames`, `heads`, `zones` (rows and columns).
  static func temporalSlot(_ options: ConfigSection) throws -> AttentionSlot {
    let zones = try options.ints("zones", default: [2, 2], count: 2, in: 1...64)
    let module = ClipFolding(
      frames: try options.frames(),
      DecoupledAttention(
        .temporal(rows: zones[0], columns: zones[1]), heads: try options.int("heads", default: 8, in: 1...1024)))
    return AttentionSlot("dstt_temporal", member: "dstt_temporal", stages: [4]) { _ in module }
  }
}
