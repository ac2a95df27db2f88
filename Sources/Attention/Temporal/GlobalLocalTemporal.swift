import Configuration
import Graphs
import Layers

/// Global-local temporal representation (GLTR; Li, Wang, Zhang, Wang; ICCV 2019, eq. 2-6): short-term cues by a pyramid
/// of dilated convolutions, long-term ones by self-attention over the frames.
///
/// F = concat over k of conv of 3 taps, dilation 2^k, to C/4; b, c, f = ReLU BN conv of 1 tap to half of F's channels;
/// A = softmax over the second index of bᵀc; out = F + W (f Aᵀ) + bias. In frame features `[N, T, C]`, out
/// `[N, T, K C/4]`: another width than a block's, so that a host has it behind its stages, where a classifier reads each
/// frame. The mean of a clip's logits is then what it says of the clip's vector, the mean over T.
public struct GlobalLocalTemporal: Module, Sendable {
  /// K, the levels of the pyramid.
  public var levels: Int

  /// Three levels: dilations 1, 2 and 4.
  public init(levels: Int = 3) { self.levels = levels }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid, x.shape.rank == 3 else { return x.trace.invalid("cannot represent \(x.shape): wanted [N, T, C]") }
    guard levels > 0, levels <= 16 else { return x.trace.invalid("cannot build a pyramid of \(levels) levels") }
    let scales = (0..<levels).map { level in
      x.conv1D("dtp.\(level)", max(1, x.channels / 4), taps: 3, padding: 1 << level, dilation: 1 << level, bias: true)
    }
    let local = scales[0].concatenated(with: Array(scales.dropFirst()), axis: -1)  // [N, T, K C/4]
    let half = max(1, local.channels / 2)
    let (b, c, f) = (projected(local, "b", half), projected(local, "c", half), projected(local, "f", half))
    let weights = b.matrixProduct(c, otherTransposed: true).softmax().seen(as: .relationInTime)  // [N, T, T]
    return local + weights.matrixProduct(f).linear("out", local.channels, windowRank: 1)
  }

  private func projected(_ x: Tensor, _ name: String, _ outputs: Int) -> Tensor {
    x.linear("\(name).0", outputs, bias: false, windowRank: 1).batchNorm("\(name).1").relu()
  }
}

extension GlobalLocalTemporal {
  /// `frames`, `levels`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ClipFolding(
      frames: try options.frames(),
      GlobalLocalTemporal(levels: try options.int("levels", default: 3, in: 1...16)))
    return AttentionSlot("gltr", member: "gltr", place: .features) { _ in module }
  }
}
