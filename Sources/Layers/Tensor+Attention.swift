import Compute
import Graphs
import Operators

/// Scaled dot-product attention of `heads` heads; tokens are `[N, L, C]`, each head a slice of the channels.
///
/// Without a `scale` scores are divided by the square root of a head's channels. `bias` is added to the scaled scores,
/// `[1 or N, 1 or heads, queries, keys]`, and learned; `mask` is such a bias without a gradient, 0 or -infinity. With
/// `causal`, query i sees keys 0...i. A row that sees no key gives zeros.
extension Tensor {
  /// Attention of these queries over keys and values, which may be other tokens than the queries; values may have
  /// another number of channels.
  public func attention(
    keys: Tensor, values: Tensor, heads: Int, scale: Float? = nil, bias: Tensor? = nil, mask: Tensor? = nil,
    causal: Bool = false
  ) -> Tensor {
    attention(.separate, with: [keys, values], heads, scale, bias, mask, causal)
  }

  /// Attention of these queries over the keys and values of one projection, `[keys | values]`.
  public func attention(
    keysWithValues: Tensor, heads: Int, scale: Float? = nil, bias: Tensor? = nil, mask: Tensor? = nil,
    causal: Bool = false
  ) -> Tensor {
    attention(.keysWithValues, with: [keysWithValues], heads, scale, bias, mask, causal)
  }

  /// Self-attention; this is the one projection `[queries | keys | values]`.
  public func selfAttention(
    heads: Int, scale: Float? = nil, bias: Tensor? = nil, mask: Tensor? = nil, causal: Bool = false
  ) -> Tensor {
    attention(.packed, with: [], heads, scale, bias, mask, causal)
  }

  private func attention(
    _ operands: ScaledDotProductAttention.Operands, with others: [Tensor], _ heads: Int, _ scale: Float?,
    _ bias: Tensor?, _ mask: Tensor?, _ causal: Bool
  ) -> Tensor {
    let added: Tensor? = if let bias, let mask { bias + mask } else { bias ?? mask }
    let subject = ScaledDotProductAttention(
      heads: heads, scale: scale, operands: operands, isCausal: causal, learnsBias: bias != nil)
    return trace.apply(subject, [self] + others + (added.map { [$0] } ?? []))[0]
  }
}
