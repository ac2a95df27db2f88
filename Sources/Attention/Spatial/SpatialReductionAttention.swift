import Configuration
import Graphs
import Layers
import Operators

/// Spatial-reduction attention (PVT; Wang et al.; ICCV 2021, eq. 2-4): multi-head self-attention whose keys and values
/// come from a map reduced R times on either side.
///
/// q = W_q x; x̂ = LN(conv R x R with stride R of x), [k | v] = W_kv x̂; R = 1 takes x itself. In and out an image
/// `[N, H, W, C]`, or tokens `[N, L, D]` of a grid of known height and width.
public struct SpatialReductionAttention: Module, Sendable {
  /// Must divide the channels.
  public var heads: Int
  /// R.
  public var ratio: Int
  /// Whether queries, keys and values have a bias.
  public var bias: Bool
  /// Of the norm of the reduced map.
  public var epsilon: Float
  /// Rows and columns of the tokens; not needed for images.
  public var grid: Extent2D?

  /// With R = 1 it is plain multi-head attention.
  public init(heads: Int, ratio: Int, bias: Bool = true, epsilon: Float = 1e-5, grid: Extent2D? = nil) {
    self.heads = heads
    self.ratio = ratio
    self.bias = bias
    self.epsilon = epsilon
    self.grid = grid
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid else { return x }
    guard x.shape.rank == 4 || grid.map({ $0.height * $0.width == x.shape[1] }) == true else {
      return x.trace.invalid("cannot lay out \(x.shape) on a grid: wanted images, or as many tokens as it has places")
    }
    let map = x.shape.rank == 4 ? x : x.reshaped(x.shape[0], grid!.height, grid!.width, x.channels)
    let width = x.channels
    return x.asTokens { tokens in
      let queries = tokens.linear("q", width, bias: bias, weights: .truncatedNormal(0.02), biases: .constant(0))
      let mixed = reduced(map, tokens)
        .linear("kv", 2 * width, bias: bias, weights: .truncatedNormal(0.02), biases: .constant(0))  // [N, L/R², 2D]
      let keys = mixed.sliced(0..<width, axis: -1), values = mixed.sliced(width..<2 * width, axis: -1)
      return queries.attending(to: keys, values, heads: heads)
        .linear("proj", width, weights: .truncatedNormal(0.02), biases: .constant(0))
    }
  }

  private func reduced(_ map: Tensor, _ tokens: Tensor) -> Tensor {
    guard ratio > 1 else { return tokens }
    return map.conv("sr", map.channels, kernel: .init(ratio), stride: .init(ratio), bias: true)
      .reshaped(map.shape[0], -1, map.channels)
      .layerNorm("norm", epsilon: epsilon)
  }
}

extension SpatialReductionAttention {
  /// `heads`, `ratios` (R of each stage, the last one for all that follow), `qkv_bias`, `epsilon`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let heads = try options.int("heads", default: 8, in: 1...1024)
    let ratios = try options.ints("ratios", default: [8, 4, 2, 1], in: 1...64)
    if ratios.isEmpty { throw options.error("ratios", "wanted a ratio for each stage") }
    let bias = try options.bool("qkv_bias", default: true)
    let epsilon = Float(try options.float("epsilon", default: 1e-5, in: 0...1))
    return AttentionSlot("sra", member: "sra") { site in
      SpatialReductionAttention(
        heads: heads, ratio: ratios[min(site.stage, ratios.count) - 1], bias: bias, epsilon: epsilon)
    }
  }
}
