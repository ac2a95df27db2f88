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

  /// Hidden units of the channel gate are C / reduction, at least one.
  public var reduction: Int
  /// The statistics that the channel gate sums its logits over, in this order.
  public var pools: [Pool]
  /// Whether channels are weighed, which comes first.
  public var hasChannelGate: Bool
  /// Whether places are weighed, in what the channel gate leaves.
  public var hasSpatialGate: Bool
  /// The side of the spatial gate's window, odd: 7 in the released networks.
  public var spatialKernel: Int

  /// Both gates, as the released networks have them: means and maxima, a sixteenth of the channels, windows of 7.
  public init(
    reduction: Int = 16, pools: [Pool] = [.average, .maximum], hasChannelGate: Bool = true,
    hasSpatialGate: Bool = true, spatialKernel: Int = 7
  ) {
    self.reduction = reduction
    self.pools = pools
    self.hasChannelGate = hasChannelGate
    self.hasSpatialGate = hasSpatialGate
    self.spatialKernel = spatialKernel
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let gated = hasChannelGate ? x.then("ChannelGate", ChannelGate(reduction: reduction, pools: pools)) : x
    return hasSpatialGate ? gated.then("SpatialGate", SpatialGate(kernel: spatialKernel)) : gated
  }

  /// M_c = σ(Σ over statistics f(pool x)), f(v) = W₂ ReLU(W₁ v + b₁) + b₂, one f for all; y = x M_c.
  struct ChannelGate: Module {
    let reduction: Int
    let pools: [Pool]

    func callAsFunction(_ x: Tensor) -> Tensor {
      guard !pools.isEmpty else { return x.trace.invalid("a channel gate needs a statistic") }
      let mlp = Shared(Perceptron(hidden: max(1, x.channels / reduction), outputs: x.channels))
      let logits = pools.map { pooled(x, $0).then("mlp", mlp) }  // [N, 1, 1, C] each
      return x * logits.dropFirst().reduce(logits[0], +).sigmoid().seen(as: .gate)
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
    func callAsFunction(_ x: Tensor) -> Tensor {
      x.linear("1", hidden, biases: .constant(0)).relu().linear("3", outputs, biases: .constant(0))
    }
  }

  /// M_s = σ(BN(conv([max_c x; mean_c x]))), y = x M_s. The norm starts at zero, so every gate starts at one half.
  struct SpatialGate: Module {
    let kernel: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      let gate = x.max(over: .channels).concatenated(with: [x.mean(over: .channels)], axis: -1)  // [N, H, W, 2]
        .then("spatial", Squeeze(kernel: kernel))
        .sigmoid().seen(as: .gate)  // [N, H, W, 1]
      return x * gate
    }
  }

  struct Squeeze: Module {
    let kernel: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      x.conv("conv", 1, kernel: .init(kernel), padding: .init(kernel / 2), weights: .kaimingNormal(.fanOut))
        .batchNorm("bn", momentum: 0.01, scale: 0)
    }
  }
}

extension CBAM {
  /// `reduction`, `pools`, `channel`, `spatial`, `spatial_kernel`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = CBAM(
      reduction: try options.int("reduction", default: 16, in: 1...),
      pools: try options.choices("pools", among: Pool.self, default: [.average, .maximum]),
      hasChannelGate: try options.bool("channel", default: true),
      hasSpatialGate: try options.bool("spatial", default: true),
      spatialKernel: try options.window("spatial_kernel", default: 7))
    if module.hasChannelGate && module.pools.isEmpty {
      throw options.error("pools", "the channel gate needs a statistic")
    }
    return AttentionSlot("cbam", member: "cbam") { _ in module }
  }
}
