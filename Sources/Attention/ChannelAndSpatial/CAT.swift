import Compute
import Configuration
import Foundation
import Graphs
import Layers

/// Collaborating channel and spatial attention with learned traits (CAT; IET Computer Vision 2023, arXiv 2212.06335):
/// three statistics in either branch and the two branches themselves are weighed by trained scalars, the
/// colla-factors.
///
/// With x̃ the blurred map, f(v) = W₂ ReLU(W₁ v) and H the min-max normalised entropy of a softmax:
/// - M_c = σ(α_c f(mean x) + β_c f(max x̃) + γ_c f(H over positions)), `[N, 1, 1, C]`,
/// - M_s = σ(conv(α_s mean x + β_s max x̃ + γ_s H over channels)), `[N, H, W, 1]`,
/// - y = x (w_c M_c + w_s M_s), (w_c, w_s) the softmax of two factors.
///
/// In and out `[N, H, W, C]`.
public struct CAT: Module, Sendable {
  /// Hidden units of the channel branch are C / reduction, at least one.
  public var reduction = 16
  /// The side of the spatial branch's window, odd.
  public var spatialKernel = 7
  /// The side of the fixed blur before the maxima, odd.
  public var blurKernel = 5
  /// The deviation of that blur, in positions.
  public var blurDeviation = 1.0
  /// Added to the range that entropies are divided by.
  public var epsilon: Float = 1e-6
  /// Where all eight factors start. From 0 only the factors move in the first step.
  public var factorStart: Float = 0
  /// Whether weight decay applies to the factors.
  public var decaysFactors = false

  /// r = 16, a window of 7, a 5x5 blur and factors that start at 0; each can be set afterwards.
  public init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot attend to") }
    let blurred = blurred(x)
    let factors = factor("c_w", x).concatenated(with: [factor("s_w", x)], axis: 0).softmax()  // [2]
      .seen(as: .weights(title: "branch weights", parts: ["channels", "places"]))
    let channels = channelGate(x, blurred) * factors.sliced(0..<1, axis: 0)  // [N, 1, 1, C]
    let places = spatialGate(x, blurred) * factors.sliced(1..<2, axis: 0)  // [N, H, W, 1]
    // x a + x b, not x (a + b): a sum that repeats both its sides is a map as large as x that no fast path makes.
    return x * channels + x * places
  }

  private func channelGate(_ x: Tensor, _ blurred: Tensor) -> Tensor {
    let (images, positions) = (x.shape[0], x.shape[1] * x.shape[2])
    let entropy = x.reshaped(images, positions, x.channels).softmaxEntropy(axis: 1)  // [N, 1, C]
      .reshaped(images, 1, 1, x.channels).minMaxNormalized(over: .channels, epsilon)
    let mlp = Shared(Perceptron(hidden: max(1, x.channels / reduction), outputs: x.channels))
    let logits =
      x.mean(over: .spatial).then("mlp", mlp) * factor("c_alpha", x).seen(as: Self.channelFactor("α mean"))
      + blurred.max(over: .spatial).then("mlp", mlp) * factor("c_beta", x).seen(as: Self.channelFactor("β max"))
      + entropy.then("mlp", mlp) * factor("c_gamma", x).seen(as: Self.channelFactor("γ entropy"))
    return logits.sigmoid().seen(as: .gate)
  }

  private func spatialGate(_ x: Tensor, _ blurred: Tensor) -> Tensor {
    let entropy = x.softmaxEntropy(axis: -1).minMaxNormalized(over: .spatial, epsilon)  // [N, H, W, 1]
    let map =
      x.mean(over: .channels) * factor("s_alpha", x).seen(as: Self.placeFactor("α mean"))
      + blurred.max(over: .channels) * factor("s_beta", x).seen(as: Self.placeFactor("β max"))
      + entropy * factor("s_gamma", x).seen(as: Self.placeFactor("γ entropy"))
    return map.conv(
      "conv", 1, kernel: .init(spatialKernel), padding: .init(spatialKernel / 2), weights: .kaimingNormal(.fanOut)
    ).sigmoid().seen(as: .gate)
  }

  /// The same Gaussian over every channel.
  private func blurred(_ x: Tensor) -> Tensor {
    let size = blurKernel
    let kernel = x.trace.scope("gauss_filter") { x.trace.constant("weight", [1, 1, size, size], gaussian) }
    let filters = kernel.reshaped(size, size, 1).repeated(to: [size, size, x.channels])
    return x.depthwiseConv(filters, padding: .init(size / 2))
  }

  /// e^(-t²/2s²) by e^(-u²/2s²) around the centre, its sum 1.
  private var gaussian: [Float] {
    let half = Double(blurKernel - 1) / 2
    let taps = (0..<blurKernel).map { exp(-pow((Double($0) - half) / blurDeviation, 2) / 2) }
    let sum = taps.reduce(0, +)
    return taps.flatMap { row in taps.map { Float(row / sum * ($0 / sum)) } }
  }

  private static func channelFactor(_ name: String) -> Sight { .factor(title: "channel factors", name: name) }

  private static func placeFactor(_ name: String) -> Sight { .factor(title: "spatial factors", name: name) }

  private func factor(_ name: String, _ x: Tensor) -> Tensor {
    x.factor(name, start: factorStart, decays: decaysFactors)
  }

  struct Perceptron: Module {
    let hidden: Int
    let outputs: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      x.linear("0", hidden, bias: false, windowRank: 2, weights: .kaimingNormal(.fanOut)).relu()
        .linear("2", outputs, bias: false, windowRank: 2, weights: .kaimingNormal(.fanOut))
    }
  }
}

extension Tensor {
  /// (v - min v) / (max v - min v + ε) over axes.
  fileprivate func minMaxNormalized(over axes: ReductionAxes, _ epsilon: Float) -> Tensor {
    let least = (self * -1).max(over: axes) * -1
    return (self - least) / (max(over: axes) - least + epsilon)
  }
}

extension CAT {
  /// `reduction`, `spatial_kernel`, `blur_kernel`, `blur_deviation`, `epsilon`, `factor_start`, `decay_factors`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    var module = CAT()
    module.reduction = try options.int("reduction", default: 16, in: 1...)
    module.spatialKernel = try options.window("spatial_kernel", default: 7)
    module.blurKernel = try options.window("blur_kernel", default: 5)
    module.blurDeviation = try options.float("blur_deviation", default: 1, in: 1e-3...1e3)
    module.epsilon = Float(try options.float("epsilon", default: 1e-6, in: 0...1))
    module.factorStart = Float(try options.float("factor_start", default: 0, in: -100...100))
    module.decaysFactors = try options.bool("decay_factors", default: false)
    return AttentionSlot("cat", member: "cat") { [module] _ in module }
  }
}
