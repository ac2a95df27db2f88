import Configuration
import Graphs
import Layers

/// Squeeze-and-excitation without the narrow layer between its two, which efficient channel attention is compared with
/// (Wang et al.; CVPR 2020, table 2): the gate is a linear map of the channels' means, y = x σ(W mean(x)).
///
/// W has blocks on its diagonal and is zero elsewhere: a grouped 1x1 convolution without bias, `conv.weight`, of
/// C² / groups parameters. In and out `[N, H, W, C]`.
public struct DirectExcitation: Module, Sendable {
  /// The rows of the table.
  public enum Variant: String, CaseIterable, Sendable {
    /// W is the identity: no parameters.
    case var1
    /// A factor for each channel: C groups.
    case var2
    /// Every channel with every other: one group.
    case var3
    /// 16 groups, whatever the channels.
    case gc1
    /// C / 16 groups, of 16 channels.
    case gc2
    /// C / 8 groups, of 8 channels.
    case gc3

    /// Blocks on the diagonal; `nil` for the identity.
    func groups(ofChannels channels: Int) -> Int? {
      switch self {
      case .var1: nil
      case .var2: channels
      case .var3: 1
      case .gc1: 16
      case .gc2: max(1, channels / 16)
      case .gc3: max(1, channels / 8)
      }
    }
  }

  /// Which map W is.
  public var variant: Variant

  public init(_ variant: Variant) { self.variant = variant }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let means = x.mean(over: .spatial)  // [N, 1, 1, C]
    let logits = variant.groups(ofChannels: x.channels).map {
      means.conv("conv", x.channels, kernel: 1, groups: $0)
    }
    return x * (logits ?? means).sigmoid().seen(as: .gate)
  }
}

extension DirectExcitation {
  /// The module that `variant` names; `nil` for squeeze-and-excitation itself, `bottleneck`.
  static func read(_ options: ConfigSection) throws -> DirectExcitation? {
    let names = ["bottleneck"] + Variant.allCases.map(\.rawValue)
    let name = try options.choice("variant", among: names, default: "bottleneck", kind: "variant")
    guard let variant = Variant(rawValue: name) else { return nil }
    for key in ["reduction", "bias"] where options.contains(key) {
      throw options.error(key, "\(name) has no narrow layer, only `variant: bottleneck` has one")
    }
    return DirectExcitation(variant)
  }
}
