import Compute
import Configuration
import Graphs
import Layers

/// Style-based recalibration module (SRM; Lee, Kim, Nam; ICCV 2019, eq. 1-5): a gate of each channel's mean and
/// standard deviation, its style.
///
/// z_c = w_c0 μ_c + w_c1 √(σ²_c + ε), y = x σ(BN(z)); the variance over positions is unbiased unless said otherwise. In
/// and out `[N, H, W, C]`.
public struct StyleRecalibration: Module, Sendable {
  /// Whether the variance is divided by the positions less one, as `torch.std` does.
  public var isUnbiased: Bool
  /// ε, added to the variance under the root.
  public var epsilon: Float

  /// The style as the reference computes it: the unbiased deviation.
  public init(isUnbiased: Bool = true, epsilon: Float = 1e-5) {
    self.isUnbiased = isUnbiased
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot recalibrate") }
    let positions = x.shape[1] * x.shape[2]
    guard !isUnbiased || positions > 1 else {
      return x.trace.invalid("the unbiased deviation over the one position of \(x.shape) does not exist")
    }
    let mean = x.mean(over: .spatial)  // [N, 1, 1, C]
    let squares = (x - mean).squared().sum(over: .spatial)
    let deviation = (squares * (1 / Float(isUnbiased ? positions - 1 : positions)) + epsilon).squareRoot()
    let weights = x.trace.parameter(
      "cfc", [2, x.channels], fileLayout: FileLayout(shape: [x.channels, 2], axes: [1, 0]), initializer: .constant(0),
      decays: true)
    let style = mean * weights.sliced(0..<1, axis: 0) + deviation * weights.sliced(1..<2, axis: 0)
    return x * style.batchNorm("bn").sigmoid().seen(as: .gate)
  }
}

extension StyleRecalibration {
  /// `unbiased`, `epsilon`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = StyleRecalibration(
      isUnbiased: try options.bool("unbiased", default: true),
      epsilon: Float(try options.float("epsilon", default: 1e-5, in: 0...1)))
    return AttentionSlot("srm", member: "srm") { _ in module }
  }
}
