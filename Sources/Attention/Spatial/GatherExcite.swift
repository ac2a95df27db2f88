import Configuration
import Foundation
import Graphs
import Layers

/// Gather-excite (GE; Hu, Shen, Albanie, Sun, Vedaldi; NeurIPS 2018, section 3): a gate from what surrounds a position.
///
/// Gathering by trained depth-wise convolutions (θ+: ⌊log₂ e⌋ of 3x3 with stride 2, each with a norm, ReLU between
/// them) or by a mean (θ-: windows of 2e - 1 with stride e, padding not counted); excitation y = x σ(gathered,
/// enlarged to the nearest). Extent 0 is the whole map. In and out `[N, H, W, C]`.
public struct GatherExcite: Module, Sendable {
  /// e: how much smaller the gathered map is; 0 gathers the whole map.
  public var extent: Int
  /// Whether trained convolutions gather.
  public var isLearned: Bool
  /// Hidden units C / reduction of two 1x1 convolutions before the gate; `nil` leaves them out.
  public var reduction: Int?

  /// Trained gathering over an extent of 4, without hidden units.
  public init(extent: Int = 4, isLearned: Bool = true, reduction: Int? = nil) {
    self.extent = extent
    self.isLearned = isLearned
    self.reduction = reduction
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot gather") }
    var gathered = isLearned ? x.trace.scope("gather") { convolved(x) } : averaged(x)
    if let reduction {
      // Rounded as the reference rounds it: to the nearest, halves up.
      let hidden = max(1, (2 * x.channels + reduction) / (2 * reduction))
      gathered = gathered.conv("mlp.fc1", hidden, kernel: 1, bias: true).relu()
        .conv("mlp.fc2", x.channels, kernel: 1, bias: true)
    }
    guard gathered.isValid else { return gathered }
    let isPoint = gathered.shape[1] == 1 && gathered.shape[2] == 1
    let gate = isPoint ? gathered : gathered.resized(to: .init(x.shape[1], x.shape[2]), .nearest)
    return x * gate.sigmoid().seen(as: .gate)
  }

  private func convolved(_ x: Tensor) -> Tensor {
    if extent == 0 {
      // As large as the map and padded like any other kernel, so that a map almost as large comes out.
      let (height, width) = (x.shape[1], x.shape[2])
      return x.conv(
        "conv1", x.channels, kernel: .init(height, width),
        padding: .init((height - 1) / 2, (width - 1) / 2), groups: x.channels
      ).batchNorm("norm1")
    }
    let layers = Int(log2(Double(extent)))
    return (1...max(1, layers)).prefix(layers).reduce(x) { x, layer in
      let normal = x.conv("conv\(layer)", x.channels, kernel: 3, stride: 2, padding: 1, groups: x.channels)
        .batchNorm("norm\(layer)")
      return layer == layers ? normal : normal.relu()
    }
  }

  private func averaged(_ x: Tensor) -> Tensor {
    extent == 0
      ? x.mean(over: .spatial)
      : x.averagePool(
        kernel: .init(2 * extent - 1), stride: .init(extent), padding: .init(extent - 1), countsPadding: false)
  }
}

extension GatherExcite {
  /// `extent`, `learned`, `reduction` (of the 1x1 convolutions before the gate; none without it).
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let extent = try options.int("extent", default: 4, in: 0...64)
    if extent % 2 == 1 { throw options.error("extent", "an extent must be 0 or even; found \(extent)") }
    let module = GatherExcite(
      extent: extent, isLearned: try options.bool("learned", default: true),
      reduction: try options.optionalInt("reduction", in: 1...65_536))
    return AttentionSlot("ge", member: "ge") { _ in module }
  }
}
