import Attention
import Graphs
import Layers

/// Pre-activation residual network for small images (He, Zhang, Ren, Sun; ECCV 2016, fig. 4e): norm and activation come
/// before every convolution, so that nothing stands on the way of the shortcuts. Three stages of n bottlenecks of 16,
/// 32 and 64 planes make 9n + 2 layers.
///
/// In: images `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct PreActivationResNet: Module, Sendable {
  /// Blocks of each stage.
  public var depths: [Int]
  /// Planes of each stage.
  public var planes = [16, 32, 64]
  /// Stride of each stage's first block.
  public var strides = [1, 2, 2]
  public var stemChannels = 16
  public var classes = 10
  public var attention: AttentionSlot?
  /// The published name, for modules whose options depend on their host.
  public var name = ""

  public init(depths: [Int]) { self.depths = depths }

  public func callAsFunction(_ images: Tensor) -> Tensor {
    var x = images.conv("conv1", stemChannels, kernel: 3, padding: 1, weights: .kaimingNormal(.fanOut))
    for stage in depths.indices {
      x = x.stage(attention, AttentionSite(host: name, stage: stage + 1), blocks: depths[stage]) { x, site in
        var options = ResidualOptions(planes: planes[stage], stride: site.block == 0 ? strides[stage] : 1)
        (options.attention, options.site) = (attention, site)
        return x.then("layer\(stage + 1).\(site.block)", PreActivationBottleneck(options))
      }
    }
    x = x.batchNorm("bn").relu()
    return x.seen(as: .features).pooledFeatures(attention, host: name, stages: depths.count)  // [N, C]
      .linear("fc", classes)
  }
}

/// A bottleneck whose norms and activations come first. Out: 4 `planes`.
public struct PreActivationBottleneck: Module {
  public static let expansion = 4
  public let options: ResidualOptions

  public init(_ options: ResidualOptions) { self.options = options }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let outputs = options.planes * Self.expansion
    let filtered = x.batchNorm("bn1").relu()
      .attended(.inputs, options, number: 1)
      .conv("conv1", options.planes, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("bn2").relu()
      .attended(.start, options)
      .attended(.inputs, options, number: 2)
      .convolved("conv2", options.planes, stride: options.stride, groups: 1, options)
    let activated = filtered.isActivated
      ? filtered.tensor : filtered.tensor.attended(.middle, options).batchNorm("bn3").relu()
    let branch = activated
      .attended(.inputs, options, number: 3)
      .conv("conv3", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .attended(.branch, options)
    guard options.stride != 1 || x.channels != outputs else { return (x + branch).attended(.afterAdd, options) }
    let shortcut = x.conv(
      "downsample.0", outputs, kernel: 1, stride: .init(options.stride), weights: .kaimingNormal(.fanOut))
    return (shortcut + branch).attended(.afterAdd, options)
  }
}
