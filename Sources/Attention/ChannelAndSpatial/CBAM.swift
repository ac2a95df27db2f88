import Configuration
import Graphs
import Layers

/// Convolutional block attention module (Woo, Park, Lee, Kweon; ECCV 2018, eq. 1-3): which channels, then which places.
///
/// Follows the released code where it differs from the paper: biases in the channel gate, a norm after the spatial
/// convolution. In and out `[N, H, W, C]`.
public struct CBAM: Module, Sendable {
  /// A statistic of a channel over the image.
  public enum Pool: String, CaseIterable, Sendable {
    /// Their mean.
    case average = "avg"
    /// Their largest.
    case maximum = "max"
    /// sqrt(Σ x²): the sum, not the mean.
    case power = "lp"
    /// log Σ e^x, a soft maximum.
    case logSumExp = "lse"
  }

  /// What becomes of the channels before the spatial gate's convolution (table 2 of the paper).
  public enum Squeeze: String, CaseIterable, Sendable {
    /// [max_c x; mean_c x].
    case pooling = "pool"
    /// w·x, a 1x1 convolution to one channel, `compress.weight`.
    case convolution = "conv"
  }

  /// How the gates meet (table 3 of the paper). In series the second gate is computed from what the first one let
  /// through; in parallel both see x, and their logits are added: y = x σ(c(x) + s(x)).
  public enum Order: String, CaseIterable, Sendable {
    case channelFirst = "channel_first"
    case spatialFirst = "spatial_first"
    case parallel
  }

  /// Hidden units of the channel gate are C / reduction, at least one.
  public var reduction = 16
  /// The statistics that the channel gate sums its logits over, in this order.
  public var pools = [Pool.average, .maximum]
  /// Whether the channel gate's two layers have biases; the paper's have none.
  public var hasBias = true
  /// Whether channels are weighed.
  public var hasChannelGate = true
  /// Whether places are weighed.
  public var hasSpatialGate = true
  /// How the gates meet where there are both.
  public var order = Order.channelFirst
  /// What the spatial gate sees of the channels.
  public var squeeze = Squeeze.pooling
  /// The side of the spatial gate's window, odd: 7 in the released networks.
  public var spatialKernel = 7
  /// Whether a norm follows the spatial gate's convolution; the paper's has none.
  public var hasNorm = true

  /// Both gates, as the released networks have them.
  public init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let channels = ChannelGate(reduction: reduction, pools: pools, hasBias: hasBias)
    let places = SpatialGate(squeeze: squeeze, kernel: spatialKernel, hasNorm: hasNorm)
    func gatedByChannel(_ x: Tensor) -> Tensor { hasChannelGate ? x.then("ChannelGate", channels) : x }
    func gatedByPlace(_ x: Tensor) -> Tensor { hasSpatialGate ? x.then("SpatialGate", places) : x }
    switch order {
    case .parallel where hasChannelGate && hasSpatialGate:
      let channelLogits = x.trace.scope("ChannelGate") { channels.logits(x) }  // [N, 1, 1, C]
      let placeLogits = x.trace.scope("SpatialGate") { places.logits(x) }  // [N, H, W, 1]
      return x * (placeLogits + channelLogits).sigmoid().seen(as: .gate)
    case .spatialFirst: return gatedByChannel(gatedByPlace(x))
    case .channelFirst, .parallel: return gatedByPlace(gatedByChannel(x))
    }
  }

  /// M_c = σ(Σ over statistics f(pool x)), f(v) = W₂ ReLU(W₁ v + b₁) + b₂, one f for all; y = x M_c.
  struct ChannelGate: Module {
    let reduction: Int
    let pools: [Pool]
    let hasBias: Bool

    func callAsFunction(_ x: Tensor) -> Tensor { x * logits(x).sigmoid().seen(as: .gate) }

    /// `[N, 1, 1, C]`.
    func logits(_ x: Tensor) -> Tensor {
      guard !pools.isEmpty else { return x.trace.invalid("a channel gate needs a statistic") }
      let mlp = Shared(
        Perceptron(hidden: max(1, x.channels / reduction), outputs: x.channels, hasBias: hasBias))
      let logits = pools.map { pooled(x, $0).then("mlp", mlp) }
      return logits.dropFirst().reduce(logits[0], +)
    }

    private func pooled(_ x: Tensor, _ pool: Pool) -> Tensor {
      switch pool {
      case .average: x.mean(over: .spatial)
      case .maximum: x.max(over: .spatial)
      case .power: x.l2Norm(over: .spatial)
      case .logSumExp: x.logSumExp(over: .spatial)
      }
    }
  }

  /// The numbers 1 and 3 are places in the reference's sequence of flatten, linear, ReLU, linear.
  struct Perceptron: Module {
    let hidden: Int
    let outputs: Int
    let hasBias: Bool

    func callAsFunction(_ x: Tensor) -> Tensor {
      x.linear("1", hidden, bias: hasBias, biases: .constant(0)).relu()
        .linear("3", outputs, bias: hasBias, biases: .constant(0))
    }
  }

  /// M_s = σ(BN(conv(squeezed x))), y = x M_s. The norm starts at zero, so every gate starts at one half.
  struct SpatialGate: Module {
    let squeeze: Squeeze
    let kernel: Int
    let hasNorm: Bool

    func callAsFunction(_ x: Tensor) -> Tensor { x * logits(x).sigmoid().seen(as: .gate) }

    /// `[N, H, W, 1]`.
    func logits(_ x: Tensor) -> Tensor {
      let squeezed = switch squeeze {
      case .pooling: x.max(over: .channels).concatenated(with: [x.mean(over: .channels)], axis: -1)  // [N, H, W, 2]
      case .convolution: x.conv("compress", 1, kernel: 1, weights: .kaimingNormal(.fanOut))  // [N, H, W, 1]
      }
      return squeezed.then("spatial", Window(kernel: kernel, hasNorm: hasNorm))
    }
  }

  struct Window: Module {
    let kernel: Int
    let hasNorm: Bool

    func callAsFunction(_ x: Tensor) -> Tensor {
      let map = x.conv("conv", 1, kernel: .init(kernel), padding: .init(kernel / 2), weights: .kaimingNormal(.fanOut))
      return hasNorm ? map.batchNorm("bn", momentum: 0.01, scale: 0) : map
    }
  }
}

extension CBAM {
  /// `channel` and `spatial` (which gates there are), `order`; of the channel gate `reduction`, `pools`, `bias`; of the
  /// spatial one `squeeze`, `spatial_kernel`, `norm`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    var module = CBAM()
    module.hasChannelGate = try options.bool("channel", default: true)
    module.hasSpatialGate = try options.bool("spatial", default: true)
    module.order = try options.choice("order", default: .channelFirst, kind: "order")
    module.reduction = try options.int("reduction", default: 16, in: 1...)
    module.pools = try options.choices("pools", default: [.average, .maximum], kind: "statistic")
    module.hasBias = try options.bool("bias", default: true)
    module.squeeze = try options.choice("squeeze", default: .pooling, kind: "squeeze")
    module.spatialKernel = try options.window("spatial_kernel", default: 7)
    module.hasNorm = try options.bool("norm", default: true)
    if module.hasChannelGate && module.pools.isEmpty {
      throw options.error("pools", "the channel gate needs a statistic")
    }
    if module.order != .channelFirst && !(module.hasChannelGate && module.hasSpatialGate) {
      throw options.error("order", "there is no order without both gates, `channel` and `spatial`")
    }
    return AttentionSlot("cbam", member: "cbam") { [module] _ in module }
  }
}
