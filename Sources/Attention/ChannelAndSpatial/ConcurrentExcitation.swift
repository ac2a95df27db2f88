import Configuration
import Graphs
import Layers

/// Concurrent spatial and channel squeeze and excitation (scSE; Roy, Navab, Wachinger; IEEE TMI 2019, section III): two
/// gates side by side.
///
/// a = x σ(W₂ ReLU(W₁ gap(x) + b₁) + b₂), b = x σ(w·x + b); y = max(a, b) element by element, or their sum. In and out
/// `[N, H, W, C]`.
public struct ConcurrentExcitation: Module, Sendable {
  /// How the channel-weighed and the place-weighed map become one: the larger of both element by element, or their sum.
  public enum Combination: String, CaseIterable, Sendable { case max, sum }

  /// Hidden units are C / reduction, at least one.
  public var reduction: Int
  /// What y is made of a and b by.
  public var combination: Combination

  /// Half the channels as hidden units, and the larger of both maps.
  public init(reduction: Int = 2, combination: Combination = .max) {
    self.reduction = reduction
    self.combination = combination
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let channels = x.trace.scope("cSE") {
      x.mean(over: .spatial).linear("fc1", max(1, x.channels / reduction)).relu().linear("fc2", x.channels)
        .sigmoid().seen(as: .gate)
    }
    let places = x.trace.scope("sSE") {
      x.conv("conv", 1, kernel: 1, bias: true).sigmoid().seen(as: .gate)  // [N, H, W, 1]
    }
    return combination == .max ? (x * channels).maximum(x * places) : x * channels + x * places
  }
}

extension ConcurrentExcitation {
  /// `reduction`, `combination`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = ConcurrentExcitation(
      reduction: try options.int("reduction", default: 2, in: 1...),
      combination: try options.choice("combination", default: .max, kind: "combination"))
    return AttentionSlot("scse", member: "scse") { _ in module }
  }
}
