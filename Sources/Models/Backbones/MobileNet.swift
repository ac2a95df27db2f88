import Attention
import Graphs
import Layers

/// MobileNet (Howard et al. 2017, arXiv 1704.04861, table 1): depth-wise separable convolutions, 3x3 in each channel,
/// then 1x1 across them.
///
/// An attention module sits after either convolution's norm and activation: CBAM's published counts follow from both
/// places, not from one. In: images `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct MobileNet: Module, Sendable {
  /// Separable convolutions of each stage: outputs and how many; the first one carries the stride.
  public var stages: [(outputs: Int, depth: Int)] = [(64, 1), (128, 2), (256, 2), (512, 6), (1024, 2)]
  /// Channels are multiplied by this number, the paper's α, and rounded down.
  public var width = 1.0
  public var stemChannels = 32
  public var stemStride = 2
  public var classes = 1000
  public var attention: AttentionSlot?
  /// The published name, for modules whose options depend on their host.
  public var name = ""

  public init() {}

  public func callAsFunction(_ images: Tensor) -> Tensor {
    var x = images.conv(
      "model.0.0", scaled(stemChannels), kernel: 3, stride: .init(stemStride), padding: 1,
      weights: .kaimingNormal(.fanOut)
    ).batchNorm("model.0.1").relu()
    var place = 1
    for (index, stage) in stages.enumerated() {
      x = x.stage(attention, AttentionSite(host: name, stage: index + 1), blocks: stage.depth) { x, site in
        defer { place += 1 }
        let stride = index > 0 && site.block == 0 ? 2 : 1
        return x.trace.scope("model.\(place)") { separable(x, scaled(stage.outputs), stride: stride, site) }
      }
    }
    return x.seen(as: .features).pooledFeatures(attention, host: name, stages: stages.count).linear("fc", classes)
  }

  /// Numbers 0, 1 and 3, 4 are the convolutions and norms, 2 and 5 the activations.
  private func separable(_ x: Tensor, _ outputs: Int, stride: Int, _ site: AttentionSite) -> Tensor {
    let name = attention?.name ?? ""
    var options = ResidualOptions(planes: x.channels)
    (options.attention, options.site) = (attention, site)
    return x
      .attended(attention, at: site, .inputs, name: "0.\(name)")
      .convolved("0", x.channels, stride: stride, groups: x.channels, options).tensor
      .attended(attention, at: site, .middle, name: "0.\(name)")
      .batchNorm("1").relu()
      .attended(attention, at: site, .start, name: "2.\(name)")
      .attended(attention, at: site, .branch, name: "2.\(name)")
      .attended(attention, at: site, .inputs, name: "3.\(name)")
      .conv("3", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("4").relu()
      .attended(attention, at: site, .branch, name: "5.\(name)")
  }

  private func scaled(_ channels: Int) -> Int { Int(Double(channels) * width) }
}
