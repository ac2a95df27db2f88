import Configuration
import Graphs
import Layers

/// Dynamic convolution (Chen, Dai, Liu, Chen, Yuan, Liu; CVPR 2020, eq. 2-3): every image is convolved with a convex
/// mixture of kernels of its own.
///
/// a = softmax((W₂ ReLU(W₁ gap(x)) + b₂) / τ), kernel Σ a_k W_k, bias Σ a_k b_k. A high τ keeps the mixture even, which
/// lets all kernels learn at the start; it may fall evenly to 1 over the first training steps. In `[N, H, W, C]`, out
/// `[N, H', W', outputs]`: it takes the place of a convolution.
public struct DynamicConvolution: Module, Sendable {
  /// Output channels; those of the input when `nil`.
  public var outputs: Int?
  /// K, the kernels that are mixed.
  public var kernels: Int
  /// The window's side, odd.
  public var kernel: Int
  /// Of every kernel, along both axes.
  public var stride: Int
  /// Parts of the channels that are convolved apart; must divide the channels before and after.
  public var groups: Int
  /// Hidden units are ⌊C · ratio⌋ + 1; as many as kernels for images of three channels.
  public var ratio: Double
  /// τ, at the start.
  public var temperature: Float
  /// The training steps over which τ falls to 1; 0 keeps it. While it falls it is a buffer, `attention.temperature`.
  public var annealSteps = 0
  /// Whether every kernel has a bias b_k, mixed by the same weights.
  public var bias: Bool

  /// Four 3x3 kernels, mixed at a temperature of 34: nearly evenly at the start.
  public init(
    outputs: Int? = nil, kernels: Int = 4, kernel: Int = 3, stride: Int = 1, groups: Int = 1, ratio: Double = 0.25,
    temperature: Float = 34, bias: Bool = true
  ) {
    self.outputs = outputs
    self.kernels = kernels
    self.kernel = kernel
    self.stride = stride
    self.groups = groups
    self.ratio = ratio
    self.temperature = temperature
    self.bias = bias
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let convolution = MixedConvolution(
      outputs: outputs, count: kernels, kernel: kernel, stride: stride, groups: groups, bias: bias,
      weights: .kaimingNormal(.fanIn))
    return convolution(x) { means in
      let hidden = means.channels == 3 ? kernels : Int(Double(means.channels) * ratio) + 1
      let logits = means
        .linear("attention.fc1", hidden, bias: false, windowRank: 2, weights: .kaimingNormal(.fanOut)).relu()
        .linear("attention.fc2", kernels, windowRank: 2, weights: .kaimingNormal(.fanOut), biases: .constant(0))
      return cooled(logits).softmax()  // [N, K]
        .seen(as: .weights(title: "kernel weights", parts: (1...kernels).map { "kernel \($0)" }))
    }
  }

  private func cooled(_ logits: Tensor) -> Tensor {
    guard annealSteps > 0 else { return logits * (1 / temperature) }
    let trace = logits.trace, name = "attention.temperature"
    let current = trace.buffer(name, [1], initialValue: temperature)
    if trace.mode == .training {
      let drop = (temperature - 1) / Float(annealSteps)
      trace.update(buffer: name, to: (current + (-1 - drop)).relu() + 1)
    }
    return logits / current
  }
}

extension DynamicConvolution {
  /// `kernels`, `ratio`, `temperature`, `anneal_steps`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let kernels = try options.int("kernels", default: 4, in: 1...256)
    let ratio = try options.float("ratio", default: 0.25, in: 0...16)
    let temperature = Float(try options.float("temperature", default: 34, in: 1e-3...1e6))
    let annealSteps = try options.int("anneal_steps", default: 0, in: 0...1 << 40)
    guard annealSteps == 0 || temperature >= 1 else {
      throw options.error("anneal_steps", "the temperature falls to 1, and starts at \(temperature)")
    }
    return AttentionSlot("dynamic_conv", member: "dynamic_conv", place: .convolution) { site in
      var module = DynamicConvolution(
        outputs: site.outputs, kernels: kernels, stride: site.stride, groups: site.groups, ratio: ratio,
        temperature: temperature)
      module.annealSteps = annealSteps
      return module
    }
  }
}
