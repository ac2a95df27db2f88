import Attention
import Graphs
import Layers

/// An inverted residual with a linear bottleneck (Sandler et al.; CVPR 2018, table 1 and fig. 4): a 1x1 convolution
/// widens, a depth-wise 3x3 one (which carries the stride) filters, a 1x1 one narrows; no activation after it.
///
/// Named as torchvision does: `conv` is a numbered sequence, and an attention module is the element after its last
/// norm.
public struct InvertedResidual: Module {
  public var outputs: Int
  public var stride: Int
  /// Channels of the depth-wise convolution per input channel; at 1 there is no widening convolution.
  public var expansion: Int
  /// What fills the block's holes, in blocks without a shortcut too.
  public var attention: AttentionSlot?
  public var site: AttentionSite

  public init(
    outputs: Int, stride: Int, expansion: Int, attention: AttentionSlot? = nil,
    site: AttentionSite = AttentionSite(host: "", stage: 1)
  ) {
    self.outputs = outputs
    self.stride = stride
    self.expansion = expansion
    self.attention = attention
    self.site = site
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let branch = x.trace.scope("conv") { self.branch(x) }
    return stride == 1 && x.channels == outputs ? (x + branch).attended(attention, at: site, .afterAdd) : branch
  }

  private func branch(_ x: Tensor) -> Tensor {
    let hidden = x.channels * expansion, place = expansion == 1 ? 0 : 1
    let widened = expansion == 1
      ? x
      : x.attended(attention, at: site, .inputs, name: "0.\(member)").convNormReLU6("0", hidden, kernel: 1)
        .attended(attention, at: site, .start, name: "0.\(member)")
    let narrowed = filtered(widened, hidden, "\(place)")
      .attended(attention, at: site, .inputs, name: "\(place + 1).\(member)")
      .conv("\(place + 1)", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("\(place + 2)")
    return narrowed.attended(attention, at: site, .branch, name: "\(place + 3)")
  }

  /// The depth-wise convolution or the module in its place, its norm and activation.
  private func filtered(_ x: Tensor, _ hidden: Int, _ name: String) -> Tensor {
    let input = x.attended(attention, at: site, .inputs, name: "\(name).\(member)")
    var options = ResidualOptions(planes: hidden)
    (options.attention, options.site) = (attention, site)
    return input.convolved("\(name).0", hidden, stride: stride, groups: hidden, options).tensor
      .attended(attention, at: site, .middle, name: "\(name).\(member)")
      .batchNorm("\(name).1").relu6()
  }

  private var member: String { attention.map { $0.member.isEmpty ? $0.name : $0.member } ?? "" }
}

extension Tensor {
  /// Convolution, batch norm and ReLU6 under the numbers 0 and 1; padded to keep the image's size at stride 1.
  func convNormReLU6(_ name: String, _ outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1) -> Tensor {
    conv(
      "\(name).0", outputs, kernel: .init(kernel), stride: .init(stride), padding: .init(kernel / 2), groups: groups,
      weights: .kaimingNormal(.fanOut)
    )
    .batchNorm("\(name).1").relu6()
  }
}
