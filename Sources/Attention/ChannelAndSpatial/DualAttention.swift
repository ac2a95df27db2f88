import Configuration
import Graphs
import Layers

/// Dual attention (DANet; Fu, Liu, Tian, Li, Bao, Fang, Lu; CVPR 2019, eq. 1-4): positions attend to positions,
/// channels to channels, and both results are added.
///
/// Positions: A = softmax over keys of q·k, p_i = γ₁ Σ_j A_ij v_j + x_i; channels: E = x xᵀ, M = softmax(rowmax(E) -
/// E), c = γ₂ M x + x; out = p + c. Both γ start at zero. In and out `[N, H, W, C]`.
public struct DualAttention: Module, Sendable {
  /// Queries and keys have C / reduction channels, at least one.
  public var reduction: Int

  /// An eighth of the channels for queries and keys.
  public init(reduction: Int = 8) { self.reduction = reduction }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.then("sa", PositionAttention(reduction: reduction)) + x.then("sc", ChannelAttention())
  }

  struct PositionAttention: Module {
    let reduction: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      guard x.isImage else { return x.notAnImage("cannot attend to") }
      let inner = max(1, x.channels / reduction)
      func projected(_ name: String, _ outputs: Int) -> Tensor {
        x.conv(name, outputs, kernel: 1, bias: true).reshaped(x.shape[0], -1, outputs)  // [N, P, d]
      }
      let weights = projected("query_conv", inner)
        .matrixProduct(projected("key_conv", inner), otherTransposed: true).softmax().seen(as: .relation)  // [N, P, P]
      let gathered = weights.matrixProduct(projected("value_conv", x.channels)).reshaped(x.shape.array)
      return gathered * x.factor("gamma", start: 0) + x
    }
  }

  struct ChannelAttention: Module {
    func callAsFunction(_ x: Tensor) -> Tensor {
      guard x.isImage else { return x.notAnImage("cannot attend to") }
      let pixels = x.reshaped(x.shape[0], -1, x.channels)  // [N, P, C]
      // A softmax does not see what is added to its whole row: without the maximum it is the same.
      let weights = (pixels.matrixProduct(pixels, transposed: true) * -1).softmax()  // [N, C, C]
      let gathered = pixels.matrixProduct(weights, otherTransposed: true).reshaped(x.shape.array)
      return gathered * x.factor("gamma", start: 0) + x
    }
  }
}

extension DualAttention {
  /// `reduction`; after the fourth stage by default: every position is compared with every other.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = DualAttention(reduction: try options.int("reduction", default: 8, in: 1...))
    return AttentionSlot("dual", member: "dual", place: .stageEnd, stages: [4]) { _ in module }
  }
}
