import Configuration
import Graphs
import Layers

/// Efficient channel attention (Wang, Wu, Zhu, Li, Zuo, Hu; CVPR 2020, eq. 9): a gate in which a channel's mean meets
/// those of its neighbours only.
///
/// z[n, c] = Σ_j w[j] · mean(x)[n, c + j - (k - 1)/2], zero outside the channels; y = x σ(z).
/// In and out `[N, H, W, C]`.
public struct EfficientChannelAttention: Module, Sendable {
  /// The number of taps, odd; `nil` follows the paper's rule.
  public var kernel: Int?
  /// ECA-NS: taps of its own for each channel (table 2 of the paper).
  public var perChannel: Bool

  /// One kernel for all channels, whose width follows from their number.
  public init(kernel: Int? = nil, perChannel: Bool = false) {
    self.kernel = kernel
    self.perChannel = perChannel
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let gate = x.mean(over: .spatial)  // [N, 1, 1, C]
      .channelConv("conv", taps: kernel ?? Self.kernel(forChannels: x.channels), perChannel: perChannel)
      .sigmoid().seen(as: .gate)
    return x * gate
  }

  /// Equation 12, as the published pseudo-code rounds it: t = ⌊(log₂ C + 1) / 2⌋, one more when even.
  public static func kernel(forChannels channels: Int) -> Int {
    // ⌊(log₂ C + 1) / 2⌋ counts the powers of four up to C/2 ... in whole numbers, so that 2^k is exact.
    var half = 0
    while 1 << (2 * (half + 1) - 1) <= channels { half += 1 }
    return half % 2 == 1 ? half : half + 1
  }

  /// The taps of each stage in the released networks, which do not follow the rule.
  public static let releasedKernels: [String: [Int]] = [
    "resnet18": [3, 5, 7, 7], "resnet34": [3, 3, 5, 7], "resnet50": [3, 5, 5, 7], "resnet101": [3, 3, 5, 7],
    "resnet152": [3, 3, 5, 7], "mobilenet_v2": [1, 1, 1, 1, 3, 3, 3],
  ]
}

extension EfficientChannelAttention {
  /// `kernels` (one for each stage, the last one for all that follow; empty for the released ones, else the rule),
  /// `per_channel`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let kernels = try options.ints("kernels", default: [], in: 1...255)
    if let even = kernels.first(where: { $0 % 2 == 0 }) {
      throw options.error("kernels", "a kernel must be odd, to have a centre; found \(even)")
    }
    let perChannel = try options.bool("per_channel", default: false)
    return AttentionSlot("eca", member: "eca") { site in
      let stages = kernels.isEmpty ? releasedKernels[site.host] ?? [] : kernels
      let kernel = stages.isEmpty ? nil : stages[min(site.stage, stages.count) - 1]
      return EfficientChannelAttention(kernel: kernel, perChannel: perChannel)
    }
  }
}
