import Configuration
import Graphs
import Layers

/// External attention (EA; Guo, Liu, Mu, Hu; arXiv 2105.02358, eq. 5-8): positions attend to two small trained memories
/// instead of to each other.
///
/// A = M₀ (W x + b), softmax over the positions, then every position divided by its sum over the memories; out =
/// ReLU(BN(W' M₁ A) + x). In and out `[N, H, W, C]`.
public struct ExternalAttention: Module, Sendable {
  /// S, the rows of either memory.
  public var memories: Int

  /// S = 64, as in the paper.
  public init(memories: Int = 64) { self.memories = memories }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot attend to") }
    let attention = x.conv("conv1", x.channels, kernel: 1, bias: true, weights: .kaimingNormal(.fanOut))
      .reshaped(x.shape[0], -1, x.channels)  // [N, P, C]
      .linear("linear_0", memories, bias: false, windowRank: 1, weights: .kaimingNormal(.fanOut))  // [N, P, S]
      .softmax(axis: 1).seen(as: .attention, Array(x.shape.array.dropLast()) + [memories])
    let shares = attention / (attention.sum(over: .channels) + 1e-9)
    let read = shares.linear("linear_1", x.channels, bias: false, windowRank: 1, weights: .kaimingNormal(.fanOut))
      .reshaped(x.shape.array)
      .conv("conv2.0", x.channels, kernel: 1, weights: .kaimingNormal(.fanOut)).batchNorm("conv2.1")
    return (read + x).relu()
  }
}

extension ExternalAttention {
  /// `memories`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ExternalAttention(memories: try options.int("memories", default: 64, in: 1...65_536))
    return AttentionSlot("ea", member: "ea", place: .stageEnd) { _ in module }
  }
}
