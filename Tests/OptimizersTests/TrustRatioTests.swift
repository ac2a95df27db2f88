import Compute
import Optimizers
import Testing

/// LAMB and LARS against what timm 1.0.15 printed after four steps on four tensors: a weight of 5, a bias of 3 without
/// decay, a weight of 4 that starts at zero, a weight of 2.
@Suite struct TrustRatioTests {
  struct Reference: CustomTestStringConvertible, Sendable {
    let name: String
    let optimizer: any Optimizer
    let rate: Double
    var lastScale: Float = 1
    let parameters: [Float]
    var testDescription: String { name }
  }

  private static func lamb(
    betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6, decay: Double = 0.01, _ change: (inout LAMB) -> Void
  ) -> LAMB {
    var rule = LAMB(betas: betas, epsilon: epsilon, weightDecay: decay)
    change(&rule)
    return rule
  }

  private static var clippedLARS: LARS {
    var rule = LARS(momentum: 0.9, isNesterov: true, weightDecay: 0.05, trustCoefficient: 0.5, epsilon: 1e-3)
    (rule.clipsTrust, rule.alwaysAdapts) = (true, true)
    return rule
  }

  static let references = [
    Reference(
      name: "Lamb", optimizer: LAMB(), rate: 0.01,
      parameters: [
        -0.591725945, -0.093148604, 0.403810918, -0.418953717, 0.103221886, 0.620302618, -0.218873277, 0.281756431,
        0.0104417559, -0.00998832658, 0.00975244027, 0.0101158582, 0.209864214, -0.593655825,
      ]),
    Reference(
      name: "Lamb, half the rate for the last tensor", optimizer: LAMB(), rate: 0.01, lastScale: 0.5,
      parameters: [
        -0.591725945, -0.093148604, 0.403810918, -0.418953717, 0.103221886, 0.620302618, -0.218873277, 0.281756431,
        0.0104417559, -0.00998832658, 0.00975244027, 0.0101158582, 0.204957649, -0.596834481,
      ]),
    Reference(
      name: "Lamb(bias_correction=False, trust_clip=True)",
      optimizer: lamb(betas: (0.8, 0.99), epsilon: 1e-3, decay: 0.1) {
        ($0.correctsBias, $0.clipsTrust) = (false, true)
      },
      rate: 0.1,
      parameters: [
        -0.530457318, -0.0184223149, 0.427274823, -0.571262717, 0.124861233, 1.06440425, -0.600244284, -0.209529623,
        0.278807878, -0.184409827, 0.133111224, 0.209529981, 0.286144912, -0.535218537,
      ]),
    Reference(
      name: "Lamb(always_adapt=True)", optimizer: lamb { $0.alwaysAdapts = true }, rate: 0.01,
      parameters: [
        -0.591725945, -0.093148604, 0.403810918, -0.418953717, 0.103221886, 0.613886654, -0.212426856, 0.283725083,
        0.0104417559, -0.00998832658, 0.00975244027, 0.0101158582, 0.209864214, -0.593655825,
      ]),
    Reference(
      name: "Lars(momentum=0.9)", optimizer: LARS(momentum: 0.9, weightDecay: 0.01), rate: 1,
      parameters: [
        -0.599088907, -0.0991567597, 0.40021196, -0.402175546, 0.100653075, 2.03712487, -1.57949984, -1.65625,
        1.72101033, -1.28714991, 0.427438974, 2.14762902, 0.200026944, -0.598541439,
      ]),
    Reference(
      name: "Lars(trust_coeff=0.02), half the rate for the last tensor",
      optimizer: LARS(weightDecay: 0.01, trustCoefficient: 0.02), rate: 1, lastScale: 0.5,
      parameters: [
        -0.598129869, -0.0863277093, 0.399616927, -0.413040578, 0.0984226391, 1.10000002, -0.449999988, -0.699999988,
        0.507683575, -0.355273843, 0.105430305, 0.616463482, 0.204254299, -0.595418453,
      ]),
    Reference(
      name: "Lars(nesterov=True, trust_clip=True, always_adapt=True)", optimizer: clippedLARS, rate: 0.1,
      parameters: [
        -0.458966047, 0.0606271327, 0.40230754, -0.670415342, 0.137071282, 0.77934128, -0.349155009, 0.0239375066,
        0.325589359, 0.00497292401, -0.123413183, 0.105113767, 0.342667043, -0.537825465,
      ]),
  ]

  /// The elements of the tensors, whether each decays.
  private static let tensors = [(0..<5, true), (5..<8, false), (8..<12, true), (12..<14, true)]

  @Test(arguments: references)
  func fourStepsAsTimm(_ reference: Reference) {
    let start = (0..<14).map { (8..<12).contains($0) ? 0 : Float($0 * 5 % 13 - 6) * 0.1 }
    var block = UpdateBlock(start, rule: reference.optimizer)
    let layout = ParameterLayout(
      tensors: Self.tensors.map { range, decays in
        ParameterTensor(
          ParameterGroup(range, decays: decays, rateScale: range.upperBound == 14 ? reference.lastScale : 1))
      })
    for step in 0..<4 {
      block.gradients = (0..<14).map { Float(($0 * 7 + step * 5) % 11 - 5) * 0.125 }
      block.update(reference.optimizer, layout, step: step, rate: reference.rate)
    }
    // timm sums its norms in single precision: an error of a few units in the last place of the step.
    for (index, (value, wanted)) in zip(block.parameters, reference.parameters).enumerated() {
      #expect(abs(value - wanted) <= 2e-6 * max(0.1, abs(wanted)), "\(index): \(value), \(wanted)")
    }
  }

  @Test func nothingButZerosIsNoTrouble() {
    var rule = LARS(weightDecay: 0.1, trustCoefficient: 0)
    rule.clipsTrust = true
    for rule in [rule, LAMB()] as [any Optimizer] {
      var block = UpdateBlock([1, 2, 0, 0], rule: rule)
      block.gradients = [1, -1, 0, 0]
      let layout = ParameterLayout(
        tensors: [0..<2, 2..<4].map { ParameterTensor(ParameterGroup($0, decays: true)) })
      block.update(rule, layout, step: 0, rate: 0)
      #expect(block.parameters == [1, 2, 0, 0], "a rate of 0, and a tensor without weights and gradients")
    }
  }

  @Test(arguments: [LAMB() as any Optimizer, LARS(momentum: 0.9, weightDecay: 1e-2)])
  func anyNumberOfWorkersGivesTheSameBits(_ rule: any Optimizer) {
    // Tensors of several tiles, of one, and of less than a lane, with gaps.
    var offset = 5
    let ranges = [7, 50_003, 16, 20_000, 3].map { size in
      defer { offset += size + 9 }
      return offset..<offset + size
    }
    let layout = ParameterLayout(
      tensors: ranges.enumerated().map { ParameterTensor(ParameterGroup($1, decays: $0 % 2 == 1)) })
    let start = (0..<offset).map { Float($0 * 7919 % 1009) * 1e-3 - 0.5 }
    let results = [1, 2, 3].map { workers in
      var block = UpdateBlock(start, rule: rule)
      block.gradients = (0..<offset).map { Float($0 * 104_729 % 997) * 1e-3 - 0.4 }
      for step in 0..<3 { block.update(rule, layout, step: step, rate: 0.1, workers: workers) }
      return [block.parameters] + block.states
    }
    #expect(results[1] == results[0] && results[2] == results[0])
    for (before, after) in zip([0] + ranges.map(\.upperBound), ranges.map(\.lowerBound) + [offset]) {
      let gap = Array(start[before..<after])
      #expect(Array(results[0][0][before..<after]) == gap, "what is no parameter is left alone")
    }
    for range in ranges { #expect(results[0][0][range.lowerBound] != start[range.lowerBound]) }
  }
}
