import Configuration
import Graphs
import Layers

/// Multi-head self-attention (Vaswani et al.; NeurIPS 2017, section 3.2) with timm's names.
///
/// [q | k | v] = W x + b; y = W_p concat over heads of softmax(q kᵀ / √d) v + b_p. In and out tokens `[N, L, D]`, or an
/// image, whose positions are the tokens.
public struct MultiHeadAttention: Module, Sendable {
  /// Must divide the width D; each has D / heads channels.
  public var heads: Int
  /// Whether queries, keys and values have a bias.
  public var bias: Bool
  /// What its weights relate, for who wants to see them: positions unless the tokens are the frames of one place.
  var sight = Sight.relation

  /// Biases unless said otherwise, as in ViT.
  public init(heads: Int, bias: Bool = true) {
    self.heads = heads
    self.bias = bias
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.asTokens { x in
      let width = x.channels
      let mixed = x.linear("qkv", 3 * width, bias: bias, weights: .truncatedNormal(0.02), biases: .constant(0))
      let parts = (0..<3).map { mixed.sliced($0 * width..<($0 + 1) * width, axis: -1) }  // [N, L, D] each
      return parts[0].attending(to: parts[1], parts[2], heads: heads, seenAs: sight)
        .linear("proj", width, weights: .truncatedNormal(0.02), biases: .constant(0))
    }
  }
}

extension MultiHeadAttention {
  /// `heads`, `qkv_bias`; in the fourth stage by default: every position is compared with every other.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = MultiHeadAttention(
      heads: try options.int("heads", default: 8, in: 1...1024), bias: try options.bool("qkv_bias", default: true))
    return AttentionSlot("mhsa", member: "mhsa", stages: [4]) { _ in module }
  }
}
