import Attention
import Graphs
import Layers

/// Deep residual network (He, Zhang, Ren, Sun; CVPR 2016, table 1 and section 4.2), in torchvision's form and names:
/// the stride sits on the 3x3 convolution of a bottleneck.
///
/// In: images `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct ResNet: Module, Sendable {
  public enum BlockKind: Sendable { case basic, bottleneck }

  /// What stands before the first stage.
  public enum Stem: Sendable {
    /// 7x7 with stride 2, then 3x3 max pooling with stride 2: for 224 pixels.
    case imageNet
    /// 3x3 with stride 1 and no pooling: for 32 pixels.
    case small
  }

  public var block: BlockKind
  /// Blocks of each stage.
  public var depths: [Int]
  /// Planes of each stage.
  public var planes = [64, 128, 256, 512]
  /// Stride of each stage's first block.
  public var strides = [1, 2, 2, 2]
  public var stem = Stem.imageNet
  public var stemChannels = 64
  public var groups = 1
  public var widthPerGroup = 64
  public var classes = 1000
  public var attention: AttentionSlot?
  /// The published name, for modules whose options depend on their host.
  public var name = ""
  public var zeroInitResidual = false
  /// The share of pooled features that training drops before the classifier.
  public var dropout: Float = 0
  /// Whether a bottleneck's stride sits on its first convolution, as the paper's table has it.
  public var stridesFirst = false

  public init(_ block: BlockKind, depths: [Int]) {
    self.block = block
    self.depths = depths
  }

  public func callAsFunction(_ images: Tensor) -> Tensor {
    var x = stem(images)
    for stage in depths.indices {
      x = x.stage(attention, AttentionSite(host: name, stage: stage + 1), blocks: depths[stage]) { x, site in
        x.then("layer\(stage + 1).\(site.block)", block(site))
      }
    }
    return x.seen(as: .features).mean(over: .spatial)  // [N, 1, 1, C]
      .reshaped(x.shape[0], -1)
      .dropout(dropout)
      .linear("fc", classes)
  }

  private func stem(_ images: Tensor) -> Tensor {
    switch stem {
    case .imageNet:
      images.conv("conv1", stemChannels, kernel: 7, stride: 2, padding: 3, weights: .kaimingNormal(.fanOut))
        .batchNorm("bn1").relu()
        .maxPool(kernel: 3, stride: 2, padding: 1)
    case .small:
      images.conv("conv1", stemChannels, kernel: 3, padding: 1, weights: .kaimingNormal(.fanOut))
        .batchNorm("bn1").relu()
    }
  }

  private func block(_ site: AttentionSite) -> any Module {
    let stage = site.stage - 1
    var options = ResidualOptions(planes: planes[stage], stride: site.block == 0 ? strides[stage] : 1)
    options.groups = groups
    options.widthPerGroup = widthPerGroup
    options.stridesFirst = stridesFirst
    options.lastScale = zeroInitResidual ? 0 : 1
    options.attention = attention
    options.site = site
    switch block {
    case .basic: return BasicBlock(options)
    case .bottleneck: return Bottleneck(options)
    }
  }
}
