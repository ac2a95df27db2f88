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
  /// The member's name and the module in the block's hole; `nil` leaves it empty.
  public var attention: (member: String, module: any Module)?
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
      .conv(
        "conv1", options.planes, kernel: 3, stride: .init(options.stride), padding: 1, weights: .kaimingNormal(.fanOut)
      )
      .batchNorm("bn1").relu()
      .conv("conv2", options.planes, kernel: 3, padding: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("bn2", scale: options.lastScale)
      .attended(options)
    return (branch + x.shortcut(options, outputs: options.planes)).relu()
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
    let branch = x
      .conv("conv1", width, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("bn1").relu()
      .conv(
        "conv2", width, kernel: 3, stride: .init(options.stride), padding: 1, groups: options.groups,
        weights: .kaimingNormal(.fanOut)
      )
      .batchNorm("bn2").relu()
      .conv("conv3", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("bn3", scale: options.lastScale)
      .attended(options)
    return (branch + x.shortcut(options, outputs: outputs)).relu()
  }
}

extension Tensor {
  /// What the block's hole makes of the branch.
  fileprivate func attended(_ options: ResidualOptions) -> Tensor {
    guard let attention = options.attention else { return self }
    return trace.scope(attention.member) { attention.module(self) }
  }

  /// The input itself, or a projection where the shape changes.
  fileprivate func shortcut(_ options: ResidualOptions, outputs: Int) -> Tensor {
    guard options.stride != 1 || channels != outputs else { return self }
    return conv("downsample.0", outputs, kernel: 1, stride: .init(options.stride), weights: .kaimingNormal(.fanOut))
      .batchNorm("downsample.1")
  }
}
