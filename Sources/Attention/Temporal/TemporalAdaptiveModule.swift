import Configuration
import Graphs
import Layers
import Operators

/// Temporal adaptive module (TAM; Liu, Wang, Wu, Qian, Lu; ICCV 2021, eq. 1-6): a temporal kernel for every clip and
/// channel, on features that a local gate has weighted.
///
/// With p the means over positions: κ = softmax over K taps of G₂ ReLU(BN(G₁ p)), l = σ(L₂ ReLU(BN(L₁ p))), L₁ a
/// convolution of K taps over time; out[t] = Σ_k κ[k] (l x)[t + k - ⌊K/2⌋], zero outside the clip. In and out
/// `[N, T, H, W, C]`.
public struct TemporalAdaptiveModule: Module, Sendable {
  /// K.
  public var kernel: Int

  /// Kernels of three frames: the one before, the one itself, the one after.
  public init(kernel: Int = 3) { self.kernel = kernel }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isClip else { return x.notAClip("cannot adapt") }
    let (clips, frames, channels) = (x.shape[0], x.shape[1], x.channels)
    let means = x.mean(over: .axes([2, 3])).reshaped(clips, frames, channels)  // [N, T, C]
    let taps = means.transposed([0, 2, 1]).reshaped(clips * channels, frames)  // [N·C, T]
      .linear("G.0", 2 * frames, bias: false).batchNorm("G.1").relu()
      .linear("G.3", kernel, bias: false).softmax()  // [N·C, K]
      .reshaped(clips, channels, kernel).transposed([0, 2, 1])  // [N, K, C]
      .seen(as: .weights(title: "kernels over time", parts: (0..<kernel).map { Self.name(ofOffset: $0 - kernel / 2) }))
    let gate = means.conv1D("L.0", max(1, channels / 4), taps: kernel, padding: kernel / 2)
      .batchNorm("L.1").relu()
      .conv1D("L.3", channels, taps: 1).sigmoid().seen(as: .gate, [clips * frames, 1, 1, channels])  // [N, T, C]
    return (x * gate.reshaped(clips, frames, 1, 1, channels)).convolvedInTime(taps)
  }

  private static func name(ofOffset offset: Int) -> String {
    offset == 0 ? "the frame itself" : "\(abs(offset)) \(offset < 0 ? "before" : "after")"
  }
}

extension Tensor {
  /// Σ_k taps[n, k, c] x[n, t + k - ⌊K/2⌋, …, c]: `[N, T, H, W, C]` by `[N, K, C]`.
  fileprivate func convolvedInTime(_ taps: Tensor) -> Tensor {
    guard taps.isValid else { return taps }
    let (frames, kernel) = (shape[1], taps.shape[1])
    let none = Pad.Margin(before: 0, after: 0)
    let padded = applying(Pad([none, .init(before: kernel / 2, after: (kernel - 1) / 2), none, none, none]))
    let terms = (0..<kernel).map { k in
      padded.sliced(k..<k + frames, axis: 1)
        * taps.sliced(k..<k + 1, axis: 1).reshaped(shape[0], 1, 1, 1, channels)
    }
    return terms.dropFirst().reduce(terms[0], +)
  }
}

extension TemporalAdaptiveModule {
  /// `frames`, `kernel`; after the first activation of a block, as published.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ClipFolding(
      frames: try options.frames(), TemporalAdaptiveModule(kernel: try options.window("kernel", default: 3)))
    return AttentionSlot("tam", member: "tam", place: .start) { _ in module }
  }
}
