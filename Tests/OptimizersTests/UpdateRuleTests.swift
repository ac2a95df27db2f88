import Compute
import Optimizers
import Testing

/// Update rules against numbers that PyTorch 2.13 printed for the same four parameters and four steps of gradients.
@Suite struct UpdateRuleTests {
  struct Reference: CustomTestStringConvertible, Sendable {
    let name: String
    let optimizer: any Optimizer
    let rate: Double
    let parameters: [[Float]]
    var testDescription: String { name }
  }

  static let references = [
    Reference(
      name: "plain descent", optimizer: StochasticGradientDescent(), rate: 0.1,
      parameters: [
        [0.49000001, -1.23000002, 2.00300002, -0.101000004], [0.469999999, -1.21000004, 2.00300002, -0.151000008],
        [0.439999998, -1.19000006, 2.0, -0.184333339], [0.400000006, -1.17000008, 1.99399996, -0.209333345],
      ]),
    Reference(
      name: "momentum and decay", optimizer: StochasticGradientDescent(momentum: 0.9, weightDecay: 5e-4), rate: 0.1,
      parameters: [
        [0.489975005, -1.22993755, 2.00289989, -0.100999951], [0.460927993, -1.19181979, 2.00540972, -0.240994856],
        [0.404762655, -1.13745427, 2.00456834, -0.400311559], [0.314193606, -1.06846833, 1.99771082, -0.568676591],
      ]),
    Reference(
      name: "Nesterov and decay",
      optimizer: StochasticGradientDescent(momentum: 0.9, isNesterov: true, weightDecay: 5e-2), rate: 0.1,
      parameters: [
        [0.476249993, -1.20012498, 1.98670006, -0.190990493], [0.423600614, -1.12946129, 1.96215641, -0.365172029],
        [0.335335106, -1.04053462, 1.92466676, -0.537659049], [0.205616653, -0.935698152, 1.8727715, -0.706932902],
      ]),
    Reference(
      name: "AdamW", optimizer: AdamW(), rate: 1e-2,
      parameters: [
        [0.489950001, -1.23987496, 2.00979996, -0.0109998994], [0.480249196, -1.22975099, 2.01629949, -0.0203205943],
        [0.470621139, -1.21962798, 2.015239, -0.0290501472], [0.460969985, -1.20950603, 2.00988531, -0.0372596309],
      ]),
    Reference(
      name: "AdamW, other options", optimizer: AdamW(betas: (0.8, 0.99), epsilon: 1e-3, weightDecay: 0.1), rate: 1e-2,
      parameters: [
        [0.489599019, -1.23879969, 2.00767756, -0.0109890103], [0.479347676, -1.22761059, 2.0116868, -0.0201157182],
        [0.469001144, -1.21643269, 2.00793886, -0.0284666903], [0.458477795, -1.205266, 1.9997952, -0.0361235105],
      ]),
  ]

  @Test(arguments: references)
  func fourStepsAsPyTorch(_ reference: Reference) {
    var block = UpdateBlock([0.5, -1.25, 2, -0.001], rule: reference.optimizer)
    let layout = ParameterLayout([ParameterGroup(0..<4, decays: true)])
    for (step, expected) in reference.parameters.enumerated() {
      let t = Float(step)
      block.gradients = [0.1 * (t + 1), -0.2, 0.03 * (t - 1), 1 / (t + 1)]
      block.update(reference.optimizer, layout, step: step, rate: reference.rate)
      for (value, wanted) in zip(block.parameters, expected) {
        #expect(abs(value - wanted) <= 1e-6 * max(0.1, abs(wanted)), "step \(step): \(block.parameters), \(expected)")
      }
    }
  }

  @Test func groupsDecideDecayAndRateAndGapsAreLeftAlone() {
    var block = UpdateBlock([1, 1, 1, 1, 1], rule: StochasticGradientDescent())
    block.gradients = [1, 1, 1, 1, 1]
    let layout = ParameterLayout([
      ParameterGroup(4..<5, decays: true, rateScale: 0.5), ParameterGroup(0..<1, decays: true),
      ParameterGroup(1..<3, decays: false),
    ])
    block.update(StochasticGradientDescent(weightDecay: 1), layout, step: 0, rate: 0.25)
    #expect(block.parameters == [0.5, 0.75, 0.75, 1, 0.75])
    #expect(layout.count == 4)
  }

  @Test func scaleAndLimitReachTheGradient() {
    var block = UpdateBlock([0, 0, 0, 0], rule: StochasticGradientDescent())
    block.gradients = [8, -8, 1, .nan]
    let layout = ParameterLayout([ParameterGroup(0..<4, decays: false)])
    block.update(StochasticGradientDescent(), layout, step: 0, rate: 1, scale: 0.5, limit: 3)
    #expect(Array(block.parameters[..<3]) == [-3, 3, -0.5])
    #expect(block.parameters[3].isNaN)
  }

  @Test(arguments: [
    StochasticGradientDescent(weightDecay: 1e-2) as any Optimizer,
    StochasticGradientDescent(momentum: 0.9, isNesterov: true, weightDecay: 1e-2), AdamW(),
  ])
  func anyNumberOfWorkersGivesTheSameBits(_ rule: any Optimizer) {
    // Odd sizes and a gap: groups that begin and end inside tiles and inside lanes.
    let layout = ParameterLayout([
      ParameterGroup(0..<7, decays: false), ParameterGroup(7..<20_011, decays: true),
      ParameterGroup(20_020..<70_003, decays: true, rateScale: 0.3),
    ])
    var stream = RandomKey(5)
    let start = (0..<layout.extent).map { index -> Float in
      stream = stream.appending(index)
      return Float(Int64(bitPattern: stream.bits) >> 40) / Float(1 << 23)
    }
    let results = [1, 2, 3].map { workers in
      var block = UpdateBlock(start, rule: rule)
      for step in 0..<3 {
        block.gradients = start.map { $0 * Float(step + 1) - 0.1 }
        block.update(rule, layout, step: step, rate: 0.1, workers: workers)
      }
      return [block.parameters] + block.states
    }
    #expect(results[1] == results[0])
    #expect(results[2] == results[0])
    #expect(results[0][0] != start)
    #expect(Array(results[0][0][20_011..<20_020]) == Array(start[20_011..<20_020]))
  }

  /// `OneCycleLR(max_lr=0.1, total_steps=4, pct_start=0.5)` around the four steps above, which moves momentum and β1.
  static let cycles: [(any Optimizer, [Float])] = [
    (
      StochasticGradientDescent(momentum: 0.9, isNesterov: true),
      [0.414951831, -1.16300452, 2.00058413, -0.259892762]
    ),
    (AdamW(), [0.365291923, -1.12433112, 2.00861526, -0.0966430455]),
  ]

  @Test(arguments: cycles.indices)
  func momentumOfTheScheduleTakesTheRulesPlace(_ index: Int) {
    let (rule, wanted) = Self.cycles[index]
    var cycle = OneCycleCurve(steps: 4)
    cycle.risingShare = 0.5
    let schedule = Schedule(peakRate: 0.1, curve: cycle, runSteps: 4)
    var block = UpdateBlock([0.5, -1.25, 2, -0.001], rule: rule)
    for step in 0..<4 {
      let t = Float(step)
      block.gradients = [0.1 * (t + 1), -0.2, 0.03 * (t - 1), 1 / (t + 1)]
      block.update(
        rule, ParameterLayout([ParameterGroup(0..<4, decays: true)]), step: step, rate: schedule.rate(at: step),
        momentum: schedule.momentum(at: step))
    }
    // Single precision in both, which differ in the order of their roundings.
    for (value, wanted) in zip(block.parameters, wanted) {
      #expect(abs(value - wanted) <= 1e-6 * max(0.1, abs(wanted)), "\(block.parameters)")
    }
  }
}
