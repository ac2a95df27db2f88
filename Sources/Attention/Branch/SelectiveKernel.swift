import Compute
import Configuration
import Graphs
import Layers

/// Selective kernel convolution (SKNet; Li, Wang, Hu, Yang; CVPR 2019, eq. 1-6): branches of different reach, weighted
/// against each other for every channel.
///
/// u_m = ReLU BN conv 3x3 of dilation d_m; z = ReLU BN W gap(Σ u_m), max(C/r, L) units; a = softmax over the branches
/// of W_m z + b_m; out = Σ a_m u_m. In `[N, H, W, C]`, out `[N, H', W', outputs]`: it takes the place of a convolution,
/// norm and activation.
public struct SelectiveKernel: Module, Sendable {
  /// Output channels; those of the input when `nil`.
  public var outputs: Int?
  /// Of every branch, along both axes.
  public var stride: Int
  /// The dilation of each branch.
  public var dilations: [Int]
  /// Groups of the convolutions, or the largest number below that divides the channels.
  public var groups: Int
  /// r.
  public var reduction: Int
  /// L.
  public var minimum: Int

  /// Two branches that reach over 3x3 and 5x5 positions, G = 32, r = 16, L = 32: the paper's SK[2, 32, 16].
  public init(
    outputs: Int? = nil, stride: Int = 1, dilations: [Int] = [1, 2], groups: Int = 32, reduction: Int = 16,
    minimum: Int = 32
  ) {
    self.outputs = outputs
    self.stride = stride
    self.dilations = dilations
    self.groups = groups
    self.reduction = reduction
    self.minimum = minimum
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.isValid else { return x }
    guard !dilations.isEmpty else { return x.trace.invalid("nothing to select from: wanted a branch") }
    let outputs = outputs ?? x.channels
    let groups = (1...max(1, groups)).last { x.channels % $0 == 0 && outputs % $0 == 0 } ?? 1
    let branches = dilations.enumerated().map { m, dilation in
      x.conv(
        "convs.\(m).0", outputs, kernel: 3, stride: .init(stride), padding: .init(dilation), dilation: .init(dilation),
        groups: groups, weights: .kaimingNormal(.fanOut)
      ).batchNorm("convs.\(m).1").relu()
    }
    // The mean of a sum is the sum of the means, and those are short.
    let means = branches.map { $0.mean(over: .spatial) }
    let squeezed = means.dropFirst().reduce(means[0], +)  // [N, 1, 1, C]
      .conv("fc.0", max(outputs / reduction, minimum), kernel: 1).batchNorm("fc.1").relu()
    let logits = branches.indices.map { squeezed.conv("fcs.\($0)", outputs, kernel: 1, bias: true) }
    let weights = logits[0].concatenated(with: Array(logits.dropFirst()), axis: 1).softmax(axis: 1)  // [N, M, 1, C]
      .seen(as: .weights(title: "branch weights", parts: dilations.map { "dilation \($0)" }))
    let terms = branches.enumerated().map { m, branch in branch * weights.sliced(m..<m + 1, axis: 1) }
    return terms.dropFirst().reduce(terms[0], +)
  }
}

extension SelectiveKernel {
  /// `dilations`, `groups`, `reduction`, `minimum`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    var module = SelectiveKernel()
    module.dilations = try options.ints("dilations", default: [1, 2], in: 1...32)
    if module.dilations.isEmpty { throw options.error("dilations", "there is nothing to select from") }
    module.groups = try options.int("groups", default: 32, in: 1...4096)
    module.reduction = try options.int("reduction", default: 16, in: 1...)
    module.minimum = try options.int("minimum", default: 32, in: 1...65_536)
    return AttentionSlot("sk", member: "sk", place: .convolution, isActivated: true) { [module] site in
      var own = module
      (own.outputs, own.stride) = (site.outputs, site.stride)
      return own
    }
  }
}
