import Configuration
import Graphs
import Layers
import Operators

/// Non-local block (Wang, Girshick, Gupta, He; CVPR 2018, eq. 1-6): every position gathers from all others.
///
/// y_i = Σ_j A_ij (W_g x_j + b_g), out = x + W_z y + b_z; with θ_i = W_θ x_i + b_θ and φ_j = W_φ x_j + b_φ, d channels
/// each, the affinities A_ij are
/// - embedded Gaussian: softmax over j of θ_i·φ_j, divided by √d where it is scaled,
/// - Gaussian: softmax over j of x_i·x_j,
/// - dot product: θ_i·φ_j / P',
/// - concatenation: ReLU(w·[θ_i; φ_j]) / P', P' being the number of keys.
///
/// In and out `[N, …, C]`, positions being all axes between: an image's, or a clip's (space-time non-local).
public struct NonLocal: Module, Sendable {
  /// How two positions are compared: the four forms of the list above.
  public enum Affinity: String, CaseIterable, Sendable {
    case embeddedGaussian = "embedded_gaussian"
    case gaussian
    case dotProduct = "dot_product"
    case concatenation
  }

  /// Who named the parameters: each implementation has weights of its own in the world.
  public enum Naming: String, CaseIterable, Sendable {
    /// `g.conv`, `theta.conv`, `phi.conv`, `conv_out.conv`, `conv_out.bn`, `concat_project.conv`; before a norm there
    /// is no bias.
    case gcnet
    /// `g`, `theta`, `phi`, `W.0` (a bias before the norm too), `W.1`, `concat_project.0`.
    case survey
  }

  /// What A_ij is.
  public var affinity: Affinity
  /// Inner channels d are C / reduction, at least one.
  public var reduction: Int
  /// The inner channels d, where they do not follow from `reduction`.
  public var inner: Int?
  /// Whether the embedded Gaussian divides by √d.
  public var isScaled: Bool
  /// Whether keys and values are pooled to the maxima of 2x2 positions of a frame.
  public var subsamples: Bool
  /// Whether a batch norm ends the branch.
  public var hasNorm: Bool
  /// Whose weights can be read as they are.
  public var naming: Naming

  /// The embedded Gaussian with half the channels, on all positions and without a norm.
  public init(
    _ affinity: Affinity = .embeddedGaussian, reduction: Int = 2, inner: Int? = nil, isScaled: Bool = true,
    subsamples: Bool = false, hasNorm: Bool = false, naming: Naming = .gcnet
  ) {
    self.affinity = affinity
    self.reduction = reduction
    self.inner = inner
    self.isScaled = isScaled
    self.subsamples = subsamples
    self.hasNorm = hasNorm
    self.naming = naming
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid else { return x }
    guard x.shape.rank >= 3 else { return x.trace.invalid("cannot relate the positions of \(x.shape)") }
    let d = inner ?? max(1, x.channels / reduction)
    let values = keys(projected(x, "g", d, isKey: true))  // [N, P', d]
    let y = weighted(x, values, d)  // [N, P, d]
    return x + joined(y.reshaped(Array(x.shape.array.dropLast()) + [d]), x.channels)
  }

  /// Σ_j A_ij g_j.
  private func weighted(_ x: Tensor, _ values: Tensor, _ d: Int) -> Tensor {
    let count = Float(values.isValid ? values.shape[1] : 1)
    let sight = x.isClip ? Sight.relationInClip : .relation
    switch affinity {
    case .gaussian:
      return flat(x).matrixProduct(keys(x), otherTransposed: true).softmax().seen(as: sight).matrixProduct(values)
    case .embeddedGaussian:
      let queries = flat(projected(x, "theta", d)), keys = keys(projected(x, "phi", d, isKey: true))
      let scale = isScaled ? 1 / Float(d).squareRoot() : 1
      return (queries * scale).matrixProduct(keys, otherTransposed: true).softmax().seen(as: sight)
        .matrixProduct(values)
    case .dotProduct:
      let queries = flat(projected(x, "theta", d)), keys = keys(projected(x, "phi", d, isKey: true))
      return (queries * (1 / count)).matrixProduct(keys, otherTransposed: true).seen(as: sight)
        .matrixProduct(values)
    case .concatenation:
      // w·[θ; φ] = w₁·θ + w₂·φ: a column and a row of logits instead of a vector for every pair.
      let queries = flat(projected(x, "theta", d)), keys = keys(projected(x, "phi", d, isKey: true))
      let layer = naming == .gcnet ? "concat_project.conv" : "concat_project.0"
      let weight = x.trace.scope(layer) {
        x.trace.parameter(
          "weight", [1, 2 * d], fileLayout: .same([1, 2 * d] + windows(x)), initializer: .normal(deviation: 0.01),
          decays: true)
      }
      let column = queries.applying(Linear(), with: [weight.sliced(0..<d, axis: 1)])  // [N, P, 1]
      let row = keys.applying(Linear(), with: [weight.sliced(d..<2 * d, axis: 1)])  // [N, P', 1]
      let logits = column + row.reshaped(row.shape[0], 1, -1)  // [N, P, P']
      return (logits.relu() * (1 / count)).seen(as: sight).matrixProduct(values)
    }
  }

  /// A projection to d channels, at every position.
  private func projected(_ x: Tensor, _ name: String, _ d: Int, isKey: Bool = false) -> Tensor {
    let pooled = isKey && subsamples ? "\(name).0" : name
    return x.linear(
      naming == .gcnet ? "\(pooled).conv" : pooled, d, windowRank: windows(x).count,
      weights: naming == .gcnet ? .normal(0.01) : .uniformFanIn,
      biases: naming == .gcnet ? .constant(0) : .uniformFanIn)
  }

  /// W_z y, normalised or not: it starts at zero, so that the block starts as the identity.
  private func joined(_ y: Tensor, _ channels: Int) -> Tensor {
    let axes = windows(y).count
    switch (naming, hasNorm) {
    case (.gcnet, _):
      let z = y.linear(
        "conv_out.conv", channels, bias: !hasNorm, windowRank: axes, weights: hasNorm ? .normal(0.01) : .constant(0),
        biases: .constant(0))
      return hasNorm ? z.batchNorm("conv_out.bn", scale: 0) : z
    case (.survey, true): return y.linear("W.0", channels, windowRank: axes).batchNorm("W.1", scale: 0)
    case (.survey, false):
      return y.linear("W", channels, windowRank: axes, weights: .constant(0), biases: .constant(0))
    }
  }

  /// Positions as keys, `[N, P', d]`: pooled within each frame where they are sub-sampled.
  private func keys(_ x: Tensor) -> Tensor {
    guard subsamples, x.isValid else { return flat(x) }
    let shape = x.shape, rank = shape.rank
    guard rank >= 4 else { return x.trace.invalid("cannot sub-sample \(shape): wanted images or clips") }
    return x.reshaped(-1, shape[rank - 3], shape[rank - 2], shape.channels).maxPool(kernel: 2)
      .reshaped(shape[0], -1, shape.channels)
  }

  private func flat(_ x: Tensor) -> Tensor { x.isValid ? x.reshaped(x.shape[0], -1, x.channels) : x }

  /// The axes of 1 of a convolution's weight in files: one for each axis of positions.
  private func windows(_ x: Tensor) -> [Int] { x.isValid ? [Int](repeating: 1, count: x.shape.rank - 2) : [] }
}

extension NonLocal {
  /// `affinity`, `reduction`, `scaled`, `sub_sample`, `norm`, `naming`; as published: one block, before the last
  /// residual block of the fourth stage.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = try read(options, naming: try options.choice("naming", default: .gcnet, kind: "naming"))
    return AttentionSlot("nl", member: "nl", place: .beforeLast, stages: [4]) { _ in module }
  }

  /// `frames`, and the options of `slot`: over all positions of all frames of a clip.
  static func spaceTimeSlot(_ options: ConfigSection) throws -> AttentionSlot {
    let naming = try options.choice("naming", among: Naming.self, default: .survey, kind: "naming")
    let module = ClipFolding(frames: try options.frames(), try read(options, naming: naming))
    return AttentionSlot("space_time_nl", member: "nl", place: .beforeLast, stages: [4]) { _ in module }
  }

  private static func read(_ options: ConfigSection, naming: Naming) throws -> NonLocal {
    NonLocal(
      try options.choice("affinity", default: .embeddedGaussian, kind: "affinity"),
      reduction: try options.int("reduction", default: 2, in: 1...),
      isScaled: try options.bool("scaled", default: naming == .gcnet),
      subsamples: try options.bool("sub_sample", default: false),
      hasNorm: try options.bool("norm", default: naming == .survey), naming: naming)
  }
}
