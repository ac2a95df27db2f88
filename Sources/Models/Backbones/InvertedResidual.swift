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
  /// What fills the hole after the last norm, in blocks without a shortcut too.
  public var attention: (any Module)?

  public init(outputs: Int, stride: Int, expansion: Int, attention: (any Module)? = nil) {
    self.outputs = outputs
    self.stride = stride
    self.expansion = expansion
    self.attention = attention
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let branch = x.trace.scope("conv") { self.branch(x) }
    return stride == 1 && x.channels == outputs ? x + branch : branch
  }

  private func branch(_ x: Tensor) -> Tensor {
    let hidden = x.channels * expansion, place = expansion == 1 ? 0 : 1
    let widened = expansion == 1 ? x : x.convNormReLU6("0", hidden, kernel: 1)
    let narrowed = widened
      .convNormReLU6("\(place)", hidden, kernel: 3, stride: stride, groups: hidden)
      .conv("\(place + 1)", outputs, kernel: 1, weights: .kaimingNormal(.fanOut))
      .batchNorm("\(place + 2)")
    guard let attention else { return narrowed }
    return narrowed.trace.scope("\(place + 3)") { attention(narrowed) }
  }
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
