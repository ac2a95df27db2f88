import Compute
import Configuration
import Foundation
import Graphs
import Layers

/// Frequency channel attention (FcaNet; Qin, Zhang, Wu, Li; ICCV 2021, eq. 9-12): squeezes each group of channels by
/// one frequency of the two-dimensional cosine transform, where the mean is but the lowest.
///
/// y_c = Σ_{h,w} x[h, w, c] B_u(h) B_v(w), B_f(p) = cos(π f (p + ½) / P) / √P, times √2 when f > 0; out = x σ(W₂
/// ReLU(W₁ y)). A map of another size than the transform's is averaged to it. In and out `[N, H, W, C]`.
public struct FrequencyChannelAttention: Module, Sendable {
  /// Lists of frequencies on a 7x7 grid, the best first.
  public enum Selection: String, CaseIterable, Sendable {
    /// By their accuracy alone in the paper.
    case top
    /// From the lowest on.
    case low

    var rows: [Int] {
      switch self {
      case .top: [0, 0, 6, 0, 0, 1, 1, 4, 5, 1, 3, 0, 0, 0, 3, 2, 4, 6, 3, 5, 5, 2, 6, 5, 5, 3, 3, 4, 2, 2, 6, 1]
      case .low: [0, 0, 1, 1, 0, 2, 2, 1, 2, 0, 3, 4, 0, 1, 3, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4]
      }
    }

    var columns: [Int] {
      switch self {
      case .top: [0, 1, 0, 5, 2, 0, 2, 0, 0, 6, 0, 4, 6, 3, 5, 2, 6, 3, 3, 3, 5, 1, 1, 2, 4, 2, 1, 1, 3, 0, 5, 3]
      case .low: [0, 1, 0, 1, 2, 0, 1, 2, 2, 3, 0, 0, 4, 3, 1, 5, 4, 3, 2, 1, 0, 6, 5, 4, 3, 2, 1, 0, 6, 5, 4, 3]
      }
    }
  }

  /// The list that the frequencies are taken from.
  public var selection: Selection
  /// How many of them, at most 32; each has as many channels.
  public var count: Int
  /// Rows of the size that the transform is taken at.
  public var height: Int
  /// Columns of the size that the transform is taken at.
  public var width: Int
  /// Hidden units of the gate are C / reduction, at least one.
  public var reduction: Int

  /// The sixteen best frequencies on a 7x7 grid: FcaNet-TS.
  public init(_ selection: Selection = .top, count: Int = 16, height: Int = 7, width: Int = 7, reduction: Int = 16) {
    self.selection = selection
    self.count = count
    self.height = height
    self.width = width
    self.reduction = reduction
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot transform") }
    guard (1...32).contains(count), x.channels % count == 0 else {
      return x.trace.invalid("cannot share \(x.channels) channels among \(count) frequencies")
    }
    let map = x.shape[1] == height && x.shape[2] == width
      ? x : x.adaptiveAveragePool(.init(height, width))  // [N, Hd, Wd, C]
    let basis = x.trace.scope("dct_layer") {
      x.trace.constant("weight", [x.channels, height, width], self.basis(x.channels))
    }
    let squeezed = (map * basis.transposed([1, 2, 0])).sum(over: .spatial)  // [N, 1, 1, C]
    let gate = squeezed.linear("fc.0", max(1, x.channels / reduction), bias: false).relu()
      .linear("fc.2", x.channels, bias: false).sigmoid().seen(as: .gate)
    return x * gate
  }

  /// B_u(h) B_v(w) of each channel's group.
  private func basis(_ channels: Int) -> [Float] {
    func wave(_ frequency: Int, _ length: Int) -> [Double] {
      let scale = (frequency > 0 ? 2.0 : 1).squareRoot() / Double(length).squareRoot()
      return (0..<length).map { cos(.pi * Double(frequency) * (Double($0) + 0.5) / Double(length)) * scale }
    }
    let waves = (0..<count).map { group in
      let rows = wave(selection.rows[group] * (height / 7), height)
      let columns = wave(selection.columns[group] * (width / 7), width)
      return rows.flatMap { row in columns.map { Float(row * $0) } }
    }
    return (0..<channels).flatMap { waves[$0 / (channels / count)] }
  }
}

extension FrequencyChannelAttention {
  /// `frequencies` (`top16`), `sizes` (of the transform in each stage, the last one for all that follow), `reduction`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let (selection, count) = try options.frequencies("frequencies", default: "top16")
    let sizes = try options.ints("sizes", default: [56, 28, 14, 7], in: 1...1024)
    if sizes.isEmpty { throw options.error("sizes", "wanted a size for each stage") }
    let reduction = try options.int("reduction", default: 16, in: 1...)
    return AttentionSlot("fca", member: "att") { site in
      let size = sizes[min(site.stage, sizes.count) - 1]
      return FrequencyChannelAttention(selection, count: count, height: size, width: size, reduction: reduction)
    }
  }
}

extension ConfigSection {
  /// A list of frequencies and how many of it: `top16`.
  package func frequencies(_ key: String, default value: String) throws -> (FrequencyChannelAttention.Selection, Int) {
    let text = try string(key, default: value)
    describe(key, "top or low and a count to 32, such as top16")
    guard let words = text.firstMatch(of: /^(top|low)(\d+)$/), let count = Int(words.2), (1...32).contains(count),
      let selection = FrequencyChannelAttention.Selection(rawValue: String(words.1))
    else { throw error(key, "wanted top or low and a count to 32, such as top16; found '\(text.prefix(40))'") }
    return (selection, count)
  }
}
