import Configuration
import Foundation
import Graphs
import Layers

/// Efficient channel attention (Wang, Wu, Zhu, Li, Zuo, Hu; CVPR 2020, eq. 9): a gate in which a channel's mean meets
/// those of its neighbours only.
///
/// z[n, c] = Σ_j w[j] · mean(x)[n, c + j - (k - 1)/2], zero outside the channels; y = x σ(z).
/// In and out `[N, H, W, C]`.
public struct EfficientChannelAttention: Module, Sendable {
  /// The number of taps, odd; `nil` follows the rule.
  public var kernel: Int?
  /// How many taps the channels call for where `kernel` is `nil`.
  public var rule: Rule
  /// ECA-NS: taps of its own for each channel (table 2 of the paper).
  public var perChannel: Bool

  /// One kernel for all channels, whose width follows from their number.
  public init(kernel: Int? = nil, rule: Rule = Rule(), perChannel: Bool = false) {
    self.kernel = kernel
    self.rule = rule
    self.perChannel = perChannel
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let gate = x.mean(over: .spatial)  // [N, 1, 1, C]
      .channelConv("conv", taps: kernel ?? rule.taps(forChannels: x.channels), perChannel: perChannel)
      .sigmoid().seen(as: .gate)
    return x * gate
  }

  /// How many taps a number of channels calls for (eq. 12), as the published pseudo-code rounds it:
  /// t = ⌊|(log₂ C + b) / γ|⌋, one more when even.
  public struct Rule: Hashable, Sendable {
    /// γ, what the logarithm is divided by.
    public var gamma: Double
    /// b, what is added to it first.
    public var b: Double

    public init(gamma: Double = 2, b: Double = 1) {
      self.gamma = gamma
      self.b = b
    }

    public func taps(forChannels channels: Int) -> Int {
      let t = Int(abs((log2(Double(channels)) + b) / gamma))
      return t % 2 == 1 ? t : t + 1
    }
  }

  /// The taps of each stage in the released networks, which do not follow the rule.
  public static let releasedKernels: [String: [Int]] = [
    "resnet18": [3, 5, 7, 7], "resnet34": [3, 3, 5, 7], "resnet50": [3, 5, 5, 7], "resnet101": [3, 3, 5, 7],
    "resnet152": [3, 3, 5, 7], "mobilenet_v2": [1, 1, 1, 1, 3, 3, 3],
  ]
}

extension EfficientChannelAttention {
  /// `kernels` (`released`: those of the released networks, in other hosts by the rule; `auto`: by the rule; or one for
  /// each stage, the last one for all that follow), `gamma` and `b` of the rule, `per_channel`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let (kernels, isReleased) = try kernels(options)
    let rule = try options.kernelRule(), perChannel = try options.bool("per_channel", default: false)
    return AttentionSlot("eca", member: "eca") { site in
      let stages = isReleased ? releasedKernels[site.host] ?? [] : kernels
      let kernel = stages.isEmpty ? nil : stages[min(site.stage, stages.count) - 1]
      return EfficientChannelAttention(kernel: kernel, rule: rule, perChannel: perChannel)
    }
  }

  private static func kernels(_ options: ConfigSection) throws -> (kernels: [Int], isReleased: Bool) {
    defer { options.describe("kernels", "released, auto or a list of odd numbers, one for each stage") }
    if let word = try? options.string("kernels", default: "released") {
      guard ["released", "auto"].contains(word) else {
        throw options.error(
          "kernels", "wanted released, auto or a list of odd numbers, one for each stage; found '\(word.prefix(40))'")
      }
      return ([], word == "released")
    }
    let kernels = try options.ints("kernels", in: 1...255)
    if let even = kernels.first(where: { $0 % 2 == 0 }) {
      throw options.error("kernels", "a kernel must be odd, to have a centre; found \(even)")
    }
    return (kernels, kernels.isEmpty)
  }
}

extension ConfigSection {
  /// `gamma` and `b`: how many taps a number of channels calls for.
  func kernelRule() throws -> EfficientChannelAttention.Rule {
    EfficientChannelAttention.Rule(
      gamma: try float("gamma", default: 2, in: 0.1...64), b: try float("b", default: 1, in: -64...64))
  }
}
