import Configuration
import Graphs
import Layers

/// Coordinate attention (Hou, Zhou, Feng; CVPR 2021, eq. 4-10): a gate for every row and one for every column, so that
/// a channel gate knows where.
///
/// [y_h; y_w] = hswish(BN(W [mean over columns; mean over rows] + b)), m = max(8, C / r) channels; out[h, w] = x[h, w]
/// σ(W_h y_h[h] + b_h) σ(W_w y_w[w] + b_w). In and out `[N, H, W, C]`.
public struct CoordinateAttention: Module, Sendable {
  /// r.
  public var reduction: Int
  /// The least m.
  public var minimum: Int

  /// A thirty-second of the channels, but at least eight.
  public init(reduction: Int = 32, minimum: Int = 8) {
    self.reduction = reduction
    self.minimum = minimum
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot attend to") }
    let (height, width) = (x.shape[1], x.shape[2])
    let rows = x.mean(over: .axes([2]))  // [N, H, 1, C]
    let columns = x.mean(over: .axes([1])).transposed([0, 2, 1, 3])  // [N, W, 1, C]
    let mixed = rows.concatenated(with: [columns], axis: 1)  // [N, H + W, 1, C]
      .conv("conv1", max(minimum, x.channels / reduction), kernel: 1, bias: true).batchNorm("bn1").hardSwish()
    let rowGate = mixed.sliced(0..<height, axis: 1)
      .conv("conv_h", x.channels, kernel: 1, bias: true).sigmoid().seen(as: .gate)  // [N, H, 1, C]
    let columnGate = mixed.sliced(height..<height + width, axis: 1)
      .conv("conv_w", x.channels, kernel: 1, bias: true).sigmoid()
      .transposed([0, 2, 1, 3]).seen(as: .gate)  // [N, 1, W, C]
    return x * rowGate * columnGate
  }
}

extension CoordinateAttention {
  /// `reduction`, `minimum`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = CoordinateAttention(
      reduction: try options.int("reduction", default: 32, in: 1...),
      minimum: try options.int("minimum", default: 8, in: 1...65_536))
    return AttentionSlot("coordatt", member: "coordatt") { _ in module }
  }
}
