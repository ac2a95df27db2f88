import Configuration
import Graphs
import Layers

/// Split attention (ResNeSt; Zhang et al.; CVPR Workshops 2022, eq. 1-3), in timm's form: R splits of a convolution,
/// weighted against each other for every channel of each of g groups.
///
/// u = ReLU BN conv 3x3 to R·C_o channels, radix slowest; v = gap(Σ_r u_r); a = softmax over r of W₂ ReLU BN(W₁ v + b₁)
/// + b₂ (σ for R = 1), laid out group by group; out = Σ a_r u_r. In `[N, H, W, C]`, out `[N, H', W', outputs]`: it
/// takes the place of a convolution, norm and activation.
public struct SplitAttention: Module, Sendable {
  /// Output channels; those of the input when `nil`.
  public var outputs: Int?
  /// Of the 3x3 convolution, along both axes.
  public var stride: Int
  /// R.
  public var radix: Int
  /// g.
  public var cardinality: Int
  /// Hidden units; a quarter of R·C, at least 32, to a multiple of 8 when `nil`.
  public var hidden: Int?

  /// Two splits of one group: ResNeSt's 2s1x64d.
  public init(outputs: Int? = nil, stride: Int = 1, radix: Int = 2, cardinality: Int = 1, hidden: Int? = nil) {
    self.outputs = outputs
    self.stride = stride
    self.radix = radix
    self.cardinality = cardinality
    self.hidden = hidden
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot split") }
    let (images, width) = (x.shape[0], outputs ?? x.channels)
    let u = x.conv(
      "conv", radix * width, kernel: 3, stride: .init(stride), padding: 1, groups: cardinality * radix,
      weights: .kaimingNormal(.fanOut)
    ).batchNorm("bn0").relu()
    let means = splits(u.mean(over: .spatial))
    let logits = means.dropFirst().reduce(means[0], +)  // [N, 1, 1, C_o]
      .conv("fc1", hidden ?? defaultHidden(x.channels), kernel: 1, groups: cardinality, bias: true)
      .batchNorm("bn1").relu()
      .conv("fc2", radix * width, kernel: 1, groups: cardinality, bias: true)
    if radix == 1 { return u * logits.sigmoid().seen(as: .gate) }
    let weights = logits.reshaped(images, cardinality, radix, -1).transposed([0, 2, 1, 3])  // [N, R, g, C_o / g]
      .softmax(axis: 1).seen(as: .weights(title: "split weights", parts: (1...radix).map { "split \($0)" }))
      .reshaped(images, 1, 1, radix * width)
    let terms = zip(splits(u), splits(weights)).map { $0 * $1 }
    return terms.dropFirst().reduce(terms[0], +)
  }

  private func splits(_ x: Tensor) -> [Tensor] {
    let width = x.channels / radix
    return (0..<radix).map { x.sliced($0 * width..<($0 + 1) * width, axis: -1) }
  }

  private func defaultHidden(_ channels: Int) -> Int {
    let wanted = Double(channels * radix) / 4
    let rounded = max(32, Int(wanted + 4) / 8 * 8)
    return Double(rounded) < 0.9 * wanted ? rounded + 8 : rounded
  }
}

extension SplitAttention {
  /// `radix`, `cardinality`, `hidden` (by the width without it).
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let radix = try options.int("radix", default: 2, in: 1...16)
    let cardinality = try options.int("cardinality", default: 1, in: 1...64)
    let hidden = try options.optionalInt("hidden", in: 1...65_536)
    return AttentionSlot("split", member: "split", place: .convolution, isActivated: true) { site in
      SplitAttention(
        outputs: site.outputs, stride: site.stride, radix: radix, cardinality: cardinality, hidden: hidden)
    }
  }
}
