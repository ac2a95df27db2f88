import Configuration
import Graphs
import Layers

/// Bottleneck attention module (BAM; Park, Woo, Lee, Kweon; BMVC 2018, eq. 1-4): which channels and which places, in
/// parallel, as one gate at the end of a stage.
///
/// c = W₂ ReLU(BN(W₁ gap(x) + b₁)) + b₂; s = conv1(… dilated 3x3 with norm and ReLU … (ReLU BN conv1 to C/r)); the
/// logits are multiplied, y = x (1 + σ(c s)), as the released code has it. In and out `[N, H, W, C]`.
public struct BAM: Module, Sendable {
  /// Hidden channels of both branches are C / reduction, at least one.
  public var reduction: Int
  /// The dilation of the spatial branch's 3x3 convolutions.
  public var dilation: Int
  /// How many of these convolutions follow each other: each reaches `dilation` positions farther.
  public var dilatedLayers: Int

  /// The paper's r = 16 and d = 4, with two dilated convolutions.
  public init(reduction: Int = 16, dilation: Int = 4, dilatedLayers: Int = 2) {
    self.reduction = reduction
    self.dilation = dilation
    self.dilatedLayers = dilatedLayers
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot attend to") }
    let hidden = max(1, x.channels / reduction)
    let channels = x.trace.scope("channel_att.gate_c") {
      x.mean(over: .spatial).linear("gate_c_fc_0", hidden).batchNorm("gate_c_bn_1").relu()
        .linear("gate_c_fc_final", x.channels)
    }
    let places = x.trace.scope("spatial_att.gate_s") { spatial(x, hidden) }
    // Every pair of a place and a channel: an outer product for each image.
    let logits = places.reshaped(x.shape[0], -1, 1).matrixProduct(channels.reshaped(x.shape[0], 1, -1))  // [N, P, C]
    return x * (logits.sigmoid() + 1).reshaped(x.shape.array).seen(as: .gate)
  }

  private func spatial(_ x: Tensor, _ hidden: Int) -> Tensor {
    var y = x.conv("gate_s_conv_reduce0", hidden, kernel: 1, bias: true).batchNorm("gate_s_bn_reduce0").relu()
    for layer in 0..<dilatedLayers {
      y = y.conv(
        "gate_s_conv_di_\(layer)", hidden, kernel: 3, padding: .init(dilation), dilation: .init(dilation), bias: true
      ).batchNorm("gate_s_bn_di_\(layer)").relu()
    }
    return y.conv("gate_s_conv_final", 1, kernel: 1, bias: true)  // [N, H, W, 1]
  }
}

extension BAM {
  /// `reduction`, `dilation`, `dilated_layers`; after every stage unless `stages` says otherwise (2, 3 and 4 in the
  /// released networks).
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = BAM(
      reduction: try options.int("reduction", default: 16, in: 1...),
      dilation: try options.int("dilation", default: 4, in: 1...64),
      dilatedLayers: try options.int("dilated_layers", default: 2, in: 0...16))
    return AttentionSlot("bam", member: "bam", place: .stageEnd) { _ in module }
  }
}
