import Attention
import Graphs
import Layers

/// What the blocks of one stage have in common.
public struct ResidualOptions {
  /// Channels of the inner convolutions.
  public var planes: Int
  public var stride = 1
  /// Groups of the 3x3 convolution of a bottleneck (ResNeXt).
  public var groups = 1
  /// Channels of the bottleneck's inner convolutions are planes · widthPerGroup / 64 · groups.
  public var widthPerGroup = 64
  /// Whether a bottleneck's stride sits on its first convolution, as in the paper; on the 3x3 one in torchvision.
  public var stridesFirst = false
  /// Whether a strided shortcut averages before its projection, which then strides no more (He et al.; CVPR 2019,
  /// fig. 2c).
  public var averagesShortcut = false
  /// What fills the block's holes; `nil` leaves them empty.
  public var attention: AttentionSlot?
  public var site = AttentionSite(host: "", stage: 1)
  /// γ of the block's last norm at the start; 0 makes every block begin as its shortcut (Goyal et al. 2017).
  public var lastScale: Float = 1

  public init(planes: Int, stride: Int = 1) {
    self.planes = planes
    self.stride = stride
  }
}

/// Two 3x3 convolutions around a shortcut (He, Zhang, Ren, Sun; CVPR 2016, fig. 5 left). Out: `planes` channels.
public struct BasicBlock: Module {
  public static let expansion = 1
  public let options: ResidualOptions

  public init(_ options: ResidualOptions) { self.options = options }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let branch = x
      .filtered(1, options.planes, stride: options.stride, options)
      .attended(.start, options)
      .filtered(2, options.planes, isLast: true, options)
      .attended(.branch, options)
    return (branch + x.shortcut(options, outputs: options.planes)).attended(.afterAdd, options).relu()
  }
}

/// A 1x1, a 3x3 (which carries the stride) and a 1x1 convolution around a shortcut (ibid., fig. 5 right). Out: 4
/// `planes`.
public struct Bottleneck: Module {
  public static let expansion = 4
  public let options: ResidualOptions

  public init(_ options: ResidualOptions) { self.options = options }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let width = options.planes * options.widthPerGroup / 64 * options.groups
    let outputs = options.planes * Self.expansion
    let (first, second) = options.stridesFirst ? (options.stride, 1) : (1, options.stride)
    let branch = x
      .attended(.inputs, options, number: 1)
      .conv("conv1", width, kernel: 1, stride: .init(first), weights: .kaimingNormal(.fanOut))
      .batchNorm("bn1").relu()
      .attended(.start, options)
      .filtered(2, width, stride: second, groups: options.groups, options)
      .attended(.inputs, options, number: 3)
      .conv("conv3", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("bn3", scale: options.lastScale)
      .attended(.branch, options)
    return (branch + x.shortcut(options, outputs: outputs)).attended(.afterAdd, options).relu()
  }
}

extension Tensor {
  /// A 3x3 convolution, its norm and, inside the branch, its activation: `conv2` and `bn2` for number 2.
  fileprivate func filtered(
    _ number: Int, _ outputs: Int, stride: Int = 1, groups: Int = 1, isLast: Bool = false, _ options: ResidualOptions
  ) -> Tensor {
    let convolved = attended(.inputs, options, number: number)
      .convolved("conv\(number)", outputs, stride: stride, groups: groups, isLast: isLast, options)
    guard !convolved.isActivated else { return convolved.tensor }
    let middle = number == 2 ? convolved.tensor.attended(.middle, options) : convolved.tensor
    let normal = middle.batchNorm("bn\(number)", scale: isLast ? options.lastScale : 1)
    return isLast ? normal : normal.relu()
  }

  /// A 3x3 convolution or the module in its place, and whether that module has normalised and activated its output.
  /// One that does cannot end a branch, to which a shortcut is added.
  func convolved(
    _ name: String, _ outputs: Int, stride: Int, groups: Int, bias: Bool = false, isLast: Bool = false,
    _ options: ResidualOptions
  ) -> (tensor: Tensor, isActivated: Bool) {
    var site = options.site
    (site.place, site.outputs, site.stride, site.groups) = (.convolution, outputs, stride, groups)
    if let slot = options.attention, !(slot.isActivated && isLast), let module = slot.module(site) {
      return (trace.scope(name) { module(self) }, slot.isActivated)
    }
    let convolved = conv(
      name, outputs, kernel: 3, stride: .init(stride), padding: 1, groups: groups, bias: bias,
      weights: .kaimingNormal(.fanOut), biases: .constant(0))
    return (convolved, false)
  }

  /// What the block's hole makes of this tensor; of several such places `number` tells the convolution.
  func attended(_ place: AttentionPlace, _ options: ResidualOptions, number: Int? = nil) -> Tensor {
    attended(options.attention, at: options.site, place, name: number.map { "\(options.attention?.member ?? "")\($0)" })
  }

  /// The input itself, or a projection where the shape changes.
  fileprivate func shortcut(_ options: ResidualOptions, outputs: Int) -> Tensor {
    guard options.stride != 1 || channels != outputs else { return self }
    if options.averagesShortcut {
      let averaged = options.stride == 1
        ? self : averagePool(kernel: 2, stride: .init(options.stride), countsPadding: false, ceilMode: true)
      return averaged.conv("downsample.1", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
        .batchNorm("downsample.2")
    }
    return conv("downsample.0", outputs, kernel: 1, stride: .init(options.stride), weights: .kaimingNormal(.fanOut))
      .batchNorm("downsample.1")
  }

  /// The blocks of one stage, with what sits before the last of them and behind it.
  func stage(
    _ slot: AttentionSlot?, _ site: AttentionSite, blocks: Int, _ block: (_ x: Tensor, _ site: AttentionSite) -> Tensor
  ) -> Tensor {
    let name = slot.map { "\($0.member.isEmpty ? $0.name : $0.member)\(site.stage)" }
    var x = self
    for index in 0..<blocks {
      var own = site
      own.block = index
      if index == blocks - 1 { x = x.attended(slot, at: own, .beforeLast, name: name) }
      x = block(x, own)
    }
    return x.attended(slot, at: site, .stageEnd, name: name)
  }

  /// What a host's map says of whole images, `[N, C]`: the mean over the places, and what sits on that.
  func pooledFeatures(_ slot: AttentionSlot?, host: String, stages: Int) -> Tensor {
    mean(over: .spatial).features(slot, host: host, stages: stages)
  }

  /// The features of whole images, `[N, C]`, with what sits on them.
  func features(_ slot: AttentionSlot?, host: String, stages: Int) -> Tensor {
    guard isValid else { return self }
    return reshaped(shape[0], -1).attended(slot, at: AttentionSite(host: host, stage: stages), .features)
  }
}
