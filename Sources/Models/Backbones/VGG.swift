import Attention
import Graphs
import Layers

/// Very deep convolutional network with batch norm (Simonyan, Zisserman; ICLR 2015, table 1), with torchvision's names:
/// stages of 3x3 convolutions, each stage ended by a pooling.
///
/// Without residual branches an attention module sits where it would in one: after every convolution's norm, before
/// the activation; its parameters go under the norm's number. The first convolution is the stem. In: images
/// `[N, H, W, 3]`; out: logits `[N, classes]`.
public struct VGG: Module, Sendable {
  /// Channels of the convolutions of each stage.
  public var stages = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]
  /// Features of the classifier's hidden layers on 7x7 bins; none for a linear layer on the means, as for small images.
  public var hidden = [4096, 4096]
  public var dropout: Float = 0.5
  public var classes = 1000
  public var attention: AttentionSlot?
  /// The published name, for modules whose options depend on their host.
  public var name = ""

  public init() {}

  public func callAsFunction(_ images: Tensor) -> Tensor {
    var x = images, place = 0
    for (index, widths) in stages.enumerated() {
      let site = AttentionSite(host: name, stage: index + 1, number: index + 1)
      x = x.stage(attention, site, blocks: widths.count) { x, site in
        defer { place += 3 }
        return convolution(x, widths[site.block], site, place)
      }
      // The last pooling may leave one place of a small image, where there is nothing to see.
      if index == stages.count - 1 { x.seen(as: .features) }
      x = x.maxPool(kernel: 2)
      place += 1
    }
    return classified(x)
  }

  /// Convolution, norm and activation under three numbers.
  private func convolution(_ x: Tensor, _ outputs: Int, _ site: AttentionSite, _ place: Int) -> Tensor {
    func path(_ place: Int) -> String { "features.\(place).\(attention?.name ?? "")" }
    var options = ResidualOptions(planes: outputs)
    (options.attention, options.site) = (place == 0 ? nil : attention, site)
    let input = x.attended(options.attention, at: site, .inputs, name: path(place))
    let convolved = input.convolved("features.\(place)", outputs, stride: 1, groups: 1, bias: true, options)
    guard !convolved.isActivated else { return convolved.tensor }
    return convolved.tensor
      .attended(attention, at: site, .middle, name: path(place))
      .batchNorm("features.\(place + 1)")
      .attended(attention, at: site, .branch, name: path(place + 1)).relu()
      .attended(attention, at: site, .start, name: path(place + 2))
  }

  private func classified(_ x: Tensor) -> Tensor {
    guard x.isValid else { return x }
    if hidden.isEmpty {
      return x.pooledFeatures(attention, host: name, stages: stages.count).linear("classifier", classes)
    }
    let bins = x.shape[1] == 7 && x.shape[2] == 7 ? x : x.adaptiveAveragePool(7)  // [N, 7, 7, C]
    // Published weights read the bins channel by channel.
    var features = bins.transposed([0, 3, 1, 2]).reshaped(x.shape[0], -1)
    for (index, width) in hidden.enumerated() {
      features = features.linear("classifier.\(3 * index)", width, weights: .normal(0.01), biases: .constant(0))
        .relu().dropout(dropout)
    }
    return features.features(attention, host: name, stages: stages.count)
      .linear("classifier.\(3 * hidden.count)", classes, weights: .normal(0.01), biases: .constant(0))
  }
}
