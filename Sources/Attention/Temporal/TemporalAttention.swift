import Configuration
import Graphs
import Layers

/// Temporal multi-head attention, the time half of a divided block (TimeSformer; Bertasius, Wang, Torresani; ICML 2021,
/// section 3): every place attends to itself in the other frames.
///
/// y = x + W_t MHSA over T(LN(x)) + b_t. In and out tokens `[N, T, P, D]` or clips `[N, T, H, W, C]`.
public struct TemporalAttention: Module, Sendable {
  /// Must divide the width.
  public var heads: Int
  /// Of the norm before the attention.
  public var epsilon: Float

  /// ε = 1e-6, as ViT has it.
  public init(heads: Int, epsilon: Float = 1e-6) {
    self.heads = heads
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid, x.shape.rank >= 4 else { return x.notAClip("cannot attend in time over") }
    let (clips, frames, width) = (x.shape[0], x.shape[1], x.channels)
    let places = x.reshaped(clips, frames, -1, width).transposed([0, 2, 1, 3])  // [N, P, T, D]
    let attended = places.reshaped(-1, frames, width).attendedInTime(heads: heads, epsilon: epsilon)
    return x + attended.reshaped(places.shape.array).transposed([0, 2, 1, 3]).reshaped(x.shape.array)
  }
}

extension Tensor {
  /// W_t MHSA(LN(x)) + b_t among the frames of each place, `[N·P, T, D]`; W_t starts at zero.
  func attendedInTime(heads: Int, epsilon: Float) -> Tensor {
    var attention = MultiHeadAttention(heads: heads)
    attention.sight = .relationInTime
    return layerNorm("temporal_norm1", epsilon: epsilon)
      .then("temporal_attn", attention)
      .linear("temporal_fc", channels, weights: .constant(0), biases: .constant(0))
  }
}

extension TemporalAttention {
  /// `frames`, `heads`, `epsilon`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ClipFolding(
      frames: try options.frames(),
      TemporalAttention(
        heads: try options.int("heads", default: 8, in: 1...1024),
        epsilon: Float(try options.float("epsilon", default: 1e-6, in: 0...1))))
    return AttentionSlot("temporal_mhsa", member: "temporal", place: .stageEnd) { _ in module }
  }
}
