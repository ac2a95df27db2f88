import Configuration
import Graphs
import Layers

/// Global context (Cao, Xu, Lin, Wei, Hu; ICCV Workshops 2019, eq. 5): one vector for the whole image, pooled by one
/// attention map, transformed, and given to every position.
///
/// c = Σ_j α_j x_j, α = softmax over the positions of w·x_j + b, or the mean; T(c) = V₂ ReLU(LN(V₁ c + b₁)) + b₂;
/// multiplying comes first, y = x σ(T_mul(c)), then adding, y + T_add(c). In and out `[N, H, W, C]`.
public struct GlobalContext: Module, Sendable {
  /// What pools the image.
  public enum Pooling: String, CaseIterable, Sendable {
    /// Softmax weights over the positions, from a 1x1 convolution.
    case attention = "att"
    /// The mean over the positions.
    case average = "avg"
  }

  /// How the transformed vector meets the image.
  public enum Fusion: String, CaseIterable, Sendable {
    /// Added to every position.
    case add = "channel_add"
    /// A gate of the channels.
    case multiply = "channel_mul"
  }

  /// Hidden units are ⌊C · ratio⌋, at least one.
  public var ratio: Double
  /// What makes c of the positions.
  public var pooling: Pooling
  /// One or both, each with a transform of its own.
  public var fusions: Set<Fusion>
  /// Whether the transform normalises its hidden units.
  public var hasNorm: Bool

  /// The paper's block: attention pooling, added, with a sixteenth of the channels as hidden units.
  public init(
    ratio: Double = 1.0 / 16, pooling: Pooling = .attention, fusions: Set<Fusion> = [.add], hasNorm: Bool = true
  ) {
    self.ratio = ratio
    self.pooling = pooling
    self.fusions = fusions
    self.hasNorm = hasNorm
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let context = pooling == .attention ? x.attentionPooled("conv_mask") : x.mean(over: .spatial)  // [N, 1, 1, C]
    var y = x
    if fusions.contains(.multiply) {
      y = y * context.then("channel_mul_conv", transform(x.channels)).sigmoid().seen(as: .gate)
    }
    if fusions.contains(.add) { y = y + context.then("channel_add_conv", transform(x.channels)) }
    return y
  }

  private func transform(_ channels: Int) -> Transform {
    Transform(hidden: max(1, Int(Double(channels) * ratio)), outputs: channels, hasNorm: hasNorm)
  }

  /// The numbers 0, 1 and 3 are places in the reference's sequence. The last layer starts at zero: adding begins as the
  /// identity, multiplying as one half.
  struct Transform: Module {
    let hidden: Int
    let outputs: Int
    let hasNorm: Bool

    func callAsFunction(_ context: Tensor) -> Tensor {
      let units = context.linear("0", hidden, windowRank: 2)
      return (hasNorm ? units.layerNorm("1", fileShape: [hidden, 1, 1]) : units).relu()
        .linear("3", outputs, windowRank: 2, weights: .constant(0), biases: .constant(0))
    }
  }
}

extension Tensor {
  /// Σ_j softmax_j(w·x_j + b) x_j over the positions j of an image: `[N, H, W, C]` to `[N, 1, 1, C]`.
  func attentionPooled(_ name: String, weights: WeightInitializer = .kaimingNormal(.fanIn)) -> Tensor {
    guard isValid, shape.rank == 4 else { return trace.invalid("cannot pool \(shape): wanted [N, H, W, C]") }
    let (images, positions) = (shape[0], shape[1] * shape[2])
    let map = conv(name, 1, kernel: 1, bias: true, weights: weights, biases: .constant(0))  // [N, H, W, 1]
      .reshaped(images, 1, positions).softmax().seen(as: .attention, [images, shape[1], shape[2], 1])
    return map.matrixProduct(reshaped(images, positions, channels)).reshaped(images, 1, 1, channels)
  }
}

extension GlobalContext {
  /// `ratio`, `pooling`, `fusions`, `norm`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = GlobalContext(
      ratio: try options.float("ratio", default: 1.0 / 16, in: 1e-4...16),
      pooling: try options.choice("pooling", default: .attention, kind: "pooling"),
      fusions: Set(try options.choices("fusions", default: [.add], kind: "fusion")),
      hasNorm: try options.bool("norm", default: true))
    if module.fusions.isEmpty { throw options.error("fusions", "the context must meet the image somehow") }
    return AttentionSlot("gc", member: "context_block") { _ in module }
  }
}
