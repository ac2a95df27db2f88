import Configuration
import Graphs
import Layers

/// Squeeze-and-excitation (Hu, Shen, Sun; CVPR 2018, eq. 2-4): rescales channels by a gate of their means.
///
/// s = σ(W₂ ReLU(W₁ mean(x))), y = x s; W₁ `[C/r, C]`, W₂ `[C, C/r]`. In and out `[N, H, W, C]`.
public struct SqueezeExcitation: Module, Sendable {
  /// Hidden units are C / reduction, at least one.
  public var reduction: Int
  /// Whether the two linear layers have biases.
  public var bias: Bool

  /// A sixteenth of the channels as hidden units, without biases.
  public init(reduction: Int = 16, bias: Bool = false) {
    self.reduction = reduction
    self.bias = bias
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let gate = x.mean(over: .spatial)  // [N, 1, 1, C]
      .linear("fc.0", max(1, x.channels / reduction), bias: bias).relu()
      .linear("fc.2", x.channels, bias: bias).sigmoid().seen(as: .gate)
    return x * gate
  }
}

extension SqueezeExcitation {
  /// `variant` (`bottleneck`, or one without the narrow layer), and of the bottleneck `reduction` and `bias`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    if let module = try DirectExcitation.read(options) { return AttentionSlot("se", member: "se") { _ in module } }
    let module = SqueezeExcitation(
      reduction: try options.int("reduction", default: 16, in: 1...), bias: try options.bool("bias", default: false))
    return AttentionSlot("se", member: "se") { _ in module }
  }
}
