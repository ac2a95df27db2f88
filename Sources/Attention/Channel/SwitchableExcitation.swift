import Configuration
import Graphs
import Layers

/// Switchable excitation module (Zhong, Wen, Qin; arXiv 2209.05680): three operators make a gate of the channels'
/// means, and a decision for each image says how much each counts.
///
/// m = mean(x); v = σ(W_s m + b_s), one weight for each operator; a = Π_k σ(v_k e_k), y = x a, with
/// - FC: e = W₂ ReLU(W₁ m + b₁) + b₂,
/// - CNN: e = taps along the channels,
/// - IE: e[c] = ω[c] m[c] + β[c].
///
/// In and out `[N, H, W, C]`. The parameters have no path of their own in the reference's blocks.
public struct SwitchableExcitation: Module, Sendable {
  /// An operator that makes logits e of the channels' means.
  public enum Excitation: String, CaseIterable, Sendable {
    /// W₂ ReLU(W₁ m + b₁) + b₂, as in squeeze-and-excitation.
    case fullyConnected = "fc"
    /// Taps along the channels, as in efficient channel attention.
    case convolution = "cnn"
    /// A scale and a shift of its own for each channel.
    case instance = "ie"
  }

  /// The operators, in the order of the decision's weights.
  public var operators: [Excitation]
  /// Hidden units of FC are C / reduction, rounded (halves to the even number), at least one.
  public var reduction: Int
  /// Hidden units of FC, where they do not follow from `reduction`.
  public var hidden: Int?
  /// The taps of CNN, odd; `nil` follows ECA's rule.
  public var kernel: Int?
  public var rule: EfficientChannelAttention.Rule

  /// All three operators, with a sixteenth of the channels as hidden units.
  public init(
    operators: [Excitation] = [.fullyConnected, .convolution, .instance], reduction: Int = 16, hidden: Int? = nil,
    kernel: Int? = nil, rule: EfficientChannelAttention.Rule = .init()
  ) {
    self.operators = operators
    self.reduction = reduction
    self.hidden = hidden
    self.kernel = kernel
    self.rule = rule
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid else { return x }
    guard !operators.isEmpty else { return x.trace.invalid("nothing to switch between: wanted an operator") }
    let means = x.mean(over: .spatial)  // [N, 1, 1, C]
    let switches = means.linear("switch_fc", operators.count).sigmoid()  // [N, 1, 1, K]
      .seen(as: .weights(title: "switch weights", parts: operators.map(\.rawValue)))
    let gates = operators.enumerated().map { k, kind in
      (excited(means, kind) * switches.sliced(k..<k + 1, axis: -1)).sigmoid()  // [N, 1, 1, C]
    }
    return x * gates.dropFirst().reduce(gates[0], *).seen(as: .gate)
  }

  private func excited(_ means: Tensor, _ kind: Excitation) -> Tensor {
    let channels = means.channels
    switch kind {
    case .fullyConnected:
      let rounded = Int((Double(channels) / Double(reduction)).rounded(.toNearestOrEven))
      return means.linear("fc1", hidden ?? max(1, rounded)).relu().linear("fc2", channels)
    case .convolution:
      return means.channelConv("conv", taps: kernel ?? rule.taps(forChannels: channels))
    case .instance:
      return means * means.channelParameter("w1", start: 0) + means.channelParameter("b1", start: -1)
    }
  }
}

extension SwitchableExcitation {
  /// `operators`, `reduction`, `kernel` (by the rule without it), `gamma` and `b` of the rule.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let kernel = try options.optionalInt("kernel", in: 1...63)
    if let kernel, kernel % 2 == 0 {
      throw options.error("kernel", "a kernel must be odd, to have a centre; found \(kernel)")
    }
    let module = SwitchableExcitation(
      operators: try options.choices(
        "operators", among: Excitation.self, default: Excitation.allCases, kind: "excitation operator"),
      reduction: try options.int("reduction", default: 16, in: 1...), kernel: kernel,
      rule: try options.kernelRule())
    if module.operators.isEmpty { throw options.error("operators", "there is nothing to switch between") }
    if Set(module.operators).count < module.operators.count {
      throw options.error("operators", "each operator may be there once")
    }
    return AttentionSlot("sem", member: "") { _ in module }
  }
}
