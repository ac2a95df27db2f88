import Configuration
import Graphs
import Layers

/// Simplified non-local block (Cao, Xu, Lin, Wei, Hu; ICCV Workshops 2019, eq. 3): every position gets the same
/// vector, pooled by one attention map.
///
/// y_i = x_i + W_v Σ_j α_j x_j, α = softmax over the positions of w·x_j + b. The reference applies W_v at every
/// position before it pools; taken out of the sum it is applied once. In and out `[N, H, W, C]`.
public struct SimplifiedNonLocal: Module, Sendable {
  /// There is nothing to choose: W_v keeps the channels.
  public init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let context = x.attentionPooled("conv_mask", weights: .normal(0.01))  // [N, 1, 1, C]
    return x + context.linear("conv_value", x.channels, bias: false, windowRank: 2, weights: .normal(0.01))
  }
}

extension SimplifiedNonLocal {
  /// As published: one block, before the last residual block of the fourth stage.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    AttentionSlot("snl", member: "snl", place: .beforeLast, stages: [4]) { _ in SimplifiedNonLocal() }
  }
}
