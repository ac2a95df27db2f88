import Compute

/// Attention of several heads: y = softmax(scale · Q Kᵀ + bias) V for each sample and head (Vaswani et al. 2017, eq.
/// 1).
///
/// Inputs: queries `[N, Lq, H·D]`, keys `[N, Lk, H·D]` and values `[N, Lk, H·E]` as `operands` says, then optionally a
/// bias `[1 or N, 1 or H, Lq, Lk]` that is added to the scaled scores (-infinity hides a key). Outputs: y
/// `[N, Lq, H·E]` and log Σ e^score of every row, `[N, H, Lq]`, which carries no gradient. A row that sees no key is 0.
///
/// The scores exist a tile at a time, in memory of the worker; the backward pass computes them again from Q, K and the
/// kept logarithms, so memory grows with the tokens and not with their square (Dao et al., FlashAttention, 2022;
/// Dao, FlashAttention-2, 2023). Heads are read where they lie: nothing is transposed or copied.
public struct ScaledDotProductAttention: Operator {
  /// Which inputs hold queries, keys and values, each side by side along the channels and head by head inside.
  public enum Operands: Hashable, Sendable {
    /// Three inputs.
    case separate
    /// Queries, then `[keys | values]`: one projection of `2·H·D` channels.
    case keysWithValues
    /// `[queries | keys | values]`: one projection of `3·H·D` channels.
    case packed

    /// How many inputs they are.
    public var count: Int {
      switch self {
      case .separate: 3
      case .keysWithValues: 2
      case .packed: 1
      }
    }
  }

  public let heads: Int
  /// The factor of Q Kᵀ; `nil` stands for 1/sqrt(D).
  public let scale: Float?
  public let operands: Operands
  /// Whether query i sees keys 0...i only.
  public let isCausal: Bool
  /// Whether the bias has a gradient; false for a mask.
  public let learnsBias: Bool
  /// The largest tile of scores: two of them and their operands stay in a second-level cache of 2 MiB.
  package var tileLimits = (queries: 256, keys: 512)

  public init(
    heads: Int, scale: Float? = nil, operands: Operands = .separate, isCausal: Bool = false, learnsBias: Bool = true
  ) {
    self.heads = heads
    self.scale = scale
    self.operands = operands
    self.isCausal = isCausal
    self.learnsBias = learnsBias
  }

  public var name: String { "scaled_dot_product_attention" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    if let mistake = mistake(Array(inputs.prefix(operands.count))) {
      let shapes = inputs.prefix(operands.count).map(\.description).joined(separator: " and ")
      throw ShapeError("cannot attend with \(heads) heads over \(shapes): \(mistake)")
    }
    let plan = AttentionGeometry(self, count: inputs.count) { inputs[$0] }
    if inputs.count > operands.count {
      let bias = inputs[operands.count]
      guard bias.rank == 4, bias[0] == 1 || bias[0] == plan.batch, bias[1] == 1 || bias[1] == heads,
        bias[2] == plan.queries, bias[3] == plan.keys
      else {
        throw ShapeError(
          "cannot attend with a bias of shape \(bias): wanted [1 or \(plan.batch), 1 or \(heads), \(plan.queries), "
            + "\(plan.keys)]")
      }
    }
    return [[plan.batch, plan.queries, heads * plan.valueWidth], [plan.batch, heads, plan.queries]]
  }

  private func mistake(_ tokens: [Shape]) -> String? {
    guard tokens.allSatisfy({ $0.rank == 3 && $0[0] == tokens[0][0] }) else { return "wanted [N, L, C] each, of one N" }
    let channels = operands == .packed ? tokens[0].channels / 3 : tokens[0].channels
    if operands == .packed && tokens[0].channels % 3 != 0 { return "3 does not divide \(tokens[0].channels) channels" }
    guard heads > 0, channels % heads == 0 else { return "\(heads) heads do not divide \(channels) channels" }
    let wanted = operands == .keysWithValues ? 2 * channels : channels
    if tokens.count > 1 && tokens[1].channels != wanted { return "keys want \(wanted) channels" }
    guard tokens.count > 2 else { return nil }
    if tokens[2][1] != tokens[1][1] { return "as many values as keys are wanted" }
    return tokens[2].channels % heads == 0 ? nil : "\(heads) heads do not divide \(tokens[2].channels) channels"
  }

  public var keeps: Kept { Kept(inputs: Set(0...operands.count), outputs: [0, 1]) }

  public func isDifferentiable(input: Int) -> Bool { input < operands.count || learnsBias }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    let plan = AttentionGeometry(self, count: inputs.count) { inputs[$0] }
    return plan.batch * heads * plan.queries * plan.keys * (plan.width + plan.valueWidth)
  }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let plan = AttentionGeometry(self, count: inputs.count) { inputs[$0] }, tile = plan.queryRows * plan.scoreLeading
    switch pass {
    case .forward: return Scratch(perWorker: tile + 2 * plan.queryRows + plan.panelFloats(plan.width))
    case .backward:
      let panels = plan.panelFloats(plan.width) + plan.panelFloats(plan.valueWidth)
      return Scratch(shared: plan.rowCount + plan.queryGradientPartials, perWorker: 2 * tile + panels)
    }
  }
}
