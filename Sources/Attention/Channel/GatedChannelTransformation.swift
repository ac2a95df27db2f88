import Configuration
import Graphs
import Layers

/// Gated channel transformation (GCT; Yang, Zhu, Wu, Yang; CVPR 2020, eq. 1-4): a channel's energy, normalised over the
/// channels, decides whether channels compete or cooperate.
///
/// l2: e_c = α_c √(Σ x² + ε), n_c = γ_c / √(mean over c of e² + ε); l1: e_c = α_c Σ |x|, n_c = γ_c / (mean |e| + ε);
/// y = x (1 + tanh(e n + β)). Sums run over positions. It starts as the identity. In and out `[N, H, W, C]`.
public struct GatedChannelTransformation: Module, Sendable {
  /// What measures a channel's energy over the positions: Σ |x|, or √(Σ x²).
  public enum Norm: String, CaseIterable, Sendable { case l1, l2 }

  /// The norm of e and n above.
  public var norm: Norm
  /// ε, added under both roots of l2, and to the mean of l1.
  public var epsilon: Float

  /// The l2 form, which the paper prefers.
  public init(norm: Norm = .l2, epsilon: Float = 1e-5) {
    self.norm = norm
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let alpha = x.channelParameter("alpha", start: 1)
    let gamma = x.channelParameter("gamma", start: 0)
    let beta = x.channelParameter("beta", start: 0, decays: false)
    let energy: Tensor, scale: Tensor  // [N, 1, 1, C]
    switch norm {
    case .l2:
      energy = (x.squared().sum(over: .spatial) + epsilon).squareRoot() * alpha
      scale = gamma / (energy.squared().mean(over: .channels) + epsilon).squareRoot()
    case .l1:
      energy = x.magnitude().sum(over: .spatial) * alpha
      scale = gamma / (energy.magnitude().mean(over: .channels) + epsilon)
    }
    return x * ((energy * scale + beta).tanh() + 1).seen(as: .gate)
  }
}

extension Tensor {
  /// |x|; its derivative at 0 is 0.
  fileprivate func magnitude() -> Tensor { maximum(self * -1) }
}

extension GatedChannelTransformation {
  /// `norm`, `epsilon`; on the input of every convolution, as published.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = GatedChannelTransformation(
      norm: try options.choice("norm", default: .l2, kind: "norm"),
      epsilon: Float(try options.float("epsilon", default: 1e-5, in: 0...1)))
    return AttentionSlot("gct", member: "gct", place: .inputs) { _ in module }
  }
}
