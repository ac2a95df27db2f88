import Configuration
import Graphs
import Layers

/// Simple parameter-free attention module (SimAM; Yang, Zhang, Li, Xie; ICML 2021, eq. 5-7): a neuron counts by how far
/// it stands out of its channel.
///
/// d = (x - mean)², y = x σ(d / (4 (Σ d / (H W - 1) + λ)) + ½). In and out `[N, H, W, C]`.
public struct SimAM: Module, Sendable {
  /// λ.
  public var regularization: Float

  /// λ = 1e-4, as in the released code.
  public init(regularization: Float = 1e-4) { self.regularization = regularization }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot attend to") }
    // A single position does not stand out: its deviation is 0, whatever that is divided by.
    let degrees = Float(max(1, x.shape[1] * x.shape[2] - 1))
    let deviation = (x - x.mean(over: .spatial)).squared()
    let variance = deviation.sum(over: .spatial) * (1 / degrees)  // [N, 1, 1, C]
    return x * (deviation / ((variance + regularization) * 4) + 0.5).sigmoid().seen(as: .gate)
  }
}

extension SimAM {
  /// `lambda`; on the output of a block's 3x3 convolution, as published.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = SimAM(regularization: Float(try options.float("lambda", default: 1e-4, in: 1e-12...1e3)))
    return AttentionSlot("simam", member: "simam", place: .middle) { _ in module }
  }
}
