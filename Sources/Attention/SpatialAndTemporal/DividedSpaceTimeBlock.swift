import Configuration
import Graphs
import Layers

/// Divided space-time block (TimeSformer; Bertasius, Wang, Torresani; ICML 2021, eq. 9-11): attention in time, then in
/// space, then a perceptron.
///
/// With the class token first and the frame index fastest among the others, `[N, 1 + P·T, D]`:
/// - x' = x + W_t MHSA over T(LN_t(x)) + b_t for every place,
/// - r = MHSA(LN₁([class, x' of the frame])) for every frame; class + mean over frames of r_class, x' + r_tokens,
/// - x + W₂ GELU(W₁ LN₂(x) + b₁) + b₂.
public struct DividedSpaceTimeBlock: Module, Sendable {
  /// T, by which the tokens behind the class token are divided into places and frames.
  public var frames: Int
  /// Of both attentions; must divide the width D.
  public var heads: Int
  /// Hidden units of the perceptron; four times D when `nil`.
  public var hidden: Int?
  /// Of the three norms.
  public var epsilon: Float

  /// A perceptron of four times the width, and ε = 1e-6, as ViT has them.
  public init(frames: Int, heads: Int, hidden: Int? = nil, epsilon: Float = 1e-6) {
    self.frames = frames
    self.heads = heads
    self.hidden = hidden
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid, x.shape.rank == 3, x.shape[1] > 1, (x.shape[1] - 1) % frames == 0 else {
      return x.trace.invalid("cannot divide \(x.shape): wanted [N, 1 + places · \(frames) frames, D]")
    }
    let (clips, places, width) = (x.shape[0], (x.shape[1] - 1) / frames, x.channels)
    let summary = x.sliced(0..<1, axis: 1)  // [N, 1, D]
    let tokens = x.sliced(1..<x.shape[1], axis: 1).reshaped(clips * places, frames, width)  // [N·P, T, D]
    let timed = (tokens + tokens.attendedInTime(heads: heads, epsilon: epsilon))
      .reshaped(clips, places, frames, width).transposed([0, 2, 1, 3])  // [N, T, P, D]
    var attention = MultiHeadAttention(heads: heads)
    attention.sight = .relationBehindSummary
    let related = summary.reshaped(clips, 1, 1, width).repeated(to: [clips, frames, 1, width])
      .concatenated(with: [timed], axis: 2).reshaped(clips * frames, 1 + places, width)
      .layerNorm("norm1", epsilon: epsilon).then("attn", attention)
      .reshaped(clips, frames, 1 + places, width)
    let summarized = summary + related.sliced(0..<1, axis: 2).mean(over: .axes([1])).reshaped(clips, 1, width)
    let spaced = (timed + related.sliced(1..<1 + places, axis: 2)).transposed([0, 2, 1, 3])  // [N, P, T, D]
    let y = summarized.concatenated(with: [spaced.reshaped(clips, places * frames, width)], axis: 1)
    return y + y.layerNorm("norm2", epsilon: epsilon)
      .linear("mlp.fc1", hidden ?? 4 * width, weights: .truncatedNormal(0.02), biases: .constant(0)).gelu()
      .linear("mlp.fc2", width, weights: .truncatedNormal(0.02), biases: .constant(0))
  }
}

/// A divided block on the map of a convolutional host, whose places are its tokens.
///
/// The class token that such a block needs is trained with it, one for all clips: every frame's places look at it, and
/// what it has become is left behind. In and out clips `[N, T, H, W, C]`.
public struct DividedMap: Module, Sendable {
  public var block: DividedSpaceTimeBlock

  public init(_ block: DividedSpaceTimeBlock) { self.block = block }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isClip else { return x.notAClip("cannot divide") }
    let (clips, frames, width) = (x.shape[0], x.shape[1], x.channels)
    let places = x.reshaped(clips, frames, -1, width).transposed([0, 2, 1, 3])  // [N, P, T, C]
    let summary = x.trace.parameter("cls_token", [1, 1, width], initializer: .normal(deviation: 0.02), decays: false)
      .repeated(to: [clips, 1, width])
    let tokens = places.reshaped(clips, -1, width)
    let y = summary.concatenated(with: [tokens], axis: 1).then("block", block)
    guard y.isValid else { return y }
    return y.sliced(1..<y.shape[1], axis: 1).reshaped(places.shape.array).transposed([0, 2, 1, 3])
      .reshaped(x.shape.array)
  }
}

extension DividedMap {
  /// `frames`, `heads`, `hidden`, `epsilon`; after the fourth stage by default: every place is compared with every
  /// other.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let frames = try options.frames()
    let block = DividedSpaceTimeBlock(
      frames: frames, heads: try options.int("heads", default: 8, in: 1...1024),
      hidden: try options.optionalInt("hidden", in: 1...1 << 20),
      epsilon: Float(try options.float("epsilon", default: 1e-6, in: 0...1)))
    let module = ClipFolding(frames: frames, DividedMap(block))
    return AttentionSlot("divided", member: "divided", place: .stageEnd, stages: [4]) { _ in module }
  }
}
