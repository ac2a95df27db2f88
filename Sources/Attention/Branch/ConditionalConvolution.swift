import Configuration
import Graphs
import Layers

/// Conditionally parameterised convolution (CondConv; Yang, Bender, Le, Ngiam; NeurIPS 2019, eq. 1-3): every image is
/// convolved with a mixture of experts of its own.
///
/// r = σ(W gap(x) + b), W_n = Σ_e r_e W_e, out_n = conv(x_n; W_n). In `[N, H, W, C]`, out `[N, H', W', outputs]`: it
/// takes the place of a convolution.
public struct ConditionalConvolution: Module, Sendable {
  /// Output channels; those of the input when `nil`.
  public var outputs: Int?
  /// The sets of filters that are mixed: E.
  public var experts: Int
  /// The window's side, odd.
  public var kernel: Int
  /// Of every expert, along both axes.
  public var stride: Int
  /// Parts of the channels that are convolved apart; must divide the channels before and after.
  public var groups: Int
  /// Whether every expert has a bias too.
  public var bias: Bool

  /// Eight 3x3 experts without biases that keep the size.
  public init(
    outputs: Int? = nil, experts: Int = 8, kernel: Int = 3, stride: Int = 1, groups: Int = 1, bias: Bool = false
  ) {
    self.outputs = outputs
    self.experts = experts
    self.kernel = kernel
    self.stride = stride
    self.groups = groups
    self.bias = bias
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let convolution = MixedConvolution(
      outputs: outputs, count: experts, kernel: kernel, stride: stride, groups: groups, bias: bias,
      weights: .kaimingNormal(.fanOut))
    return convolution(x) { means in
      means.linear("routing", experts).sigmoid()  // [N, E]
        .seen(as: .weights(title: "routing weights", parts: (1...experts).map { "expert \($0)" }))
    }
  }
}

extension ConditionalConvolution {
  /// `experts`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let experts = try options.int("experts", default: 8, in: 1...256)
    return AttentionSlot("condconv", member: "condconv", place: .convolution) { site in
      ConditionalConvolution(outputs: site.outputs, experts: experts, stride: site.stride, groups: site.groups)
    }
  }
}
