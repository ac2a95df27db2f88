import Attention
import Graphs
import Layers

/// MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen; CVPR 2018, table 2), with torchvision's names.
///
/// In: images `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct MobileNetV2: Module, Sendable {
  /// A row of the paper's table: `depth` blocks, of which the first carries the stride.
  public struct Stage: Hashable, Sendable {
    public var expansion: Int
    public var channels: Int
    public var depth: Int
    public var stride: Int

    public init(expansion: Int, channels: Int, depth: Int, stride: Int) {
      self.expansion = expansion
      self.channels = channels
      self.depth = depth
      self.stride = stride
    }
  }

  public var stages = [
    Stage(expansion: 1, channels: 16, depth: 1, stride: 1), Stage(expansion: 6, channels: 24, depth: 2, stride: 2),
    Stage(expansion: 6, channels: 32, depth: 3, stride: 2), Stage(expansion: 6, channels: 64, depth: 4, stride: 2),
    Stage(expansion: 6, channels: 96, depth: 3, stride: 1), Stage(expansion: 6, channels: 160, depth: 3, stride: 2),
    Stage(expansion: 6, channels: 320, depth: 1, stride: 1),
  ]
  public var stemChannels = 32
  public var stemStride = 2
  /// Channels of the 1x1 convolution before the classifier.
  public var lastChannels = 1280
  public var classes = 1000
  public var dropout: Float = 0.2
  public var attention: AttentionSlot?
  /// The published name, for modules whose options depend on their host.
  public var name = ""

  public init() {}

  public func callAsFunction(_ images: Tensor) -> Tensor {
    var x = images.convNormReLU6("features.0", stemChannels, kernel: 3, stride: stemStride)
    var place = 1
    for (index, stage) in stages.enumerated() {
      x = x.stage(attention, AttentionSite(host: name, stage: index + 1), blocks: stage.depth) { x, site in
        defer { place += 1 }
        return x.then(
          "features.\(place)",
          InvertedResidual(
            outputs: stage.channels, stride: site.block == 0 ? stage.stride : 1, expansion: stage.expansion,
            attention: attention, site: site))
      }
    }
    x = x.convNormReLU6("features.\(place)", lastChannels, kernel: 1)
    return x.seen(as: .features).pooledFeatures(attention, host: name, stages: stages.count)  // [N, C]
      .dropout(dropout)
      .linear("classifier.1", classes, weights: .normal(0.01), biases: .constant(0))
  }
}
