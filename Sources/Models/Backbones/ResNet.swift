import Attention
import Graphs
import Layers

/// Deep residual network (He, Zhang, Ren, Sun; CVPR 2016, table 1 and section 4.2), in torchvision's form and names:
/// the stride sits on the 3x3 convolution of a bottleneck.
///
/// In: images `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct ResNet: Module, Sendable {
  public enum BlockKind: Sendable { case basic, bottleneck }

  /// What stands before the first stage: a convolution with stride 2 and 3x3 max pooling with stride 2, for 224 pixels;
  /// or what small images take.
  public enum Stem: String, CaseIterable, Sendable {
    /// 7x7, and pooling windows around every other position.
    case imageNet = "standard"
    /// 7x7, and pooling windows that begin at the first position and hang over the end, as the networks do that were
    /// first published for Caffe.
    case caffe
    /// Three layers of 3x3 with C/2, C/2 and C channels (He et al.; CVPR 2019, fig. 2b).
    case deep
    /// The same with 3C/8, C/2 and C channels.
    case tiered
    /// 3x3 with stride 1 and no pooling: for 32 pixels.
    case small
  }

  /// How a shortcut changes its shape.
  public enum Shortcut: String, CaseIterable, Sendable {
    /// A 1x1 convolution that carries the stride.
    case convolution
    /// The mean of 2x2 positions, then a 1x1 convolution (He et al.; CVPR 2019, fig. 2c).
    case averagePool = "average_pool"
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
  public var shortcut = Shortcut.convolution
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
    return x.seen(as: .features).pooledFeatures(attention, host: name, stages: depths.count)  // [N, C]
      .dropout(dropout)
      .linear("fc", classes)
  }

  private func stem(_ images: Tensor) -> Tensor {
    func convolved(_ images: Tensor, _ name: String, _ outputs: Int, kernel: Int, stride: Int) -> Tensor {
      images.conv(
        name, outputs, kernel: .init(kernel), stride: .init(stride), padding: .init(kernel / 2),
        weights: .kaimingNormal(.fanOut))
    }
    // The numbers are places in the reference's sequence, whose last norm is the network's `bn1`.
    func layered(_ first: Int, _ second: Int) -> Tensor {
      let x = convolved(images, "conv1.0", first, kernel: 3, stride: 2).batchNorm("conv1.1").relu()
      let y = convolved(x, "conv1.3", second, kernel: 3, stride: 1).batchNorm("conv1.4").relu()
      return convolved(y, "conv1.6", stemChannels, kernel: 3, stride: 1)
    }
    let filtered = switch stem {
    case .imageNet, .caffe: convolved(images, "conv1", stemChannels, kernel: 7, stride: 2)
    case .deep: layered(stemChannels / 2, stemChannels / 2)
    case .tiered: layered(stemChannels * 3 / 8, stemChannels / 2)
    case .small: convolved(images, "conv1", stemChannels, kernel: 3, stride: 1)
    }
    let x = filtered.batchNorm("bn1").relu()
    return switch stem {
    case .imageNet, .deep, .tiered: x.maxPool(kernel: 3, stride: 2, padding: 1)
    case .caffe: x.maxPool(kernel: 3, stride: 2, ceilMode: true)
    case .small: x
    }
  }

  private func block(_ site: AttentionSite) -> any Module {
    let stage = site.stage - 1
    var options = ResidualOptions(planes: planes[stage], stride: site.block == 0 ? strides[stage] : 1)
    options.groups = groups
    options.widthPerGroup = widthPerGroup
    options.stridesFirst = stridesFirst
    options.averagesShortcut = shortcut == .averagePool
    options.lastScale = zeroInitResidual ? 0 : 1
    options.attention = attention
    options.site = site
    switch block {
    case .basic: return BasicBlock(options)
    case .bottleneck: return Bottleneck(options)
    }
  }
}
