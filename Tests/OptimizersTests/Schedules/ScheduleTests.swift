import Configuration
import Optimizers
import Testing

/// Rates against PyTorch 2.13's schedulers, and warm-ups against hand-computed numbers.
@Suite struct ScheduleTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let schedule: Schedule
    let rates: [Double]
    var testDescription: String { name }
  }

  static let rows = [
    Row(
      name: "CosineAnnealingLR(10, eta_min=0.001)",
      schedule: Schedule(peakRate: 0.1, curve: CosineCurve(finalRate: 0.001), runSteps: 10),
      rates: [
        0.1, 0.09757729755661011, 0.0905463412215599, 0.07959536998847742, 0.0657963412215599, 0.0505,
        0.03520365877844011, 0.02140463001152259, 0.010453658778440109, 0.0034227024433899004, 0.001,
      ]),
    Row(
      name: "MultiStepLR([3, 7])", schedule: Schedule(peakRate: 0.1, curve: StepCurve(.at([3, 7])), runSteps: 10),
      rates: [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001]),
    Row(
      name: "StepLR(3, 0.5)", schedule: Schedule(peakRate: 0.1, curve: StepCurve(.every(3), gamma: 0.5), runSteps: 10),
      rates: [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125]),
    Row(
      name: "PolynomialLR(10, 0.9)",
      schedule: Schedule(peakRate: 0.1, curve: PolynomialCurve(power: 0.9), runSteps: 10),
      rates: [
        0.1, 0.09095325760829623, 0.08180521460508584, 0.072541784693722, 0.06314458674893553, 0.05358867312681466,
        0.043838329055408694, 0.033838346190164986, 0.023492378861760376, 0.01258925411794167, 0,
      ]),
    Row(
      name: "warm-up from 0, then constant",
      schedule: Schedule(peakRate: 0.4, curve: ConstantCurve(), runSteps: 8, warmupSteps: 4),
      rates: [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]),
    Row(
      name: "warm-up from 0.02, then CosineAnnealingLR(6)",
      schedule: Schedule(peakRate: 0.1, curve: CosineCurve(), runSteps: 10, warmupSteps: 4, warmupStartRate: 0.02),
      rates: [
        0.04, 0.06, 0.08, 0.1, 0.1, 0.09330127018922195, 0.075, 0.05, 0.025, 0.006698729810778065, 0, 0,
      ]),
    Row(
      name: "milestones count from the run's beginning",
      schedule: Schedule(peakRate: 1, curve: StepCurve(.at([3])), runSteps: 6, warmupSteps: 2),
      rates: [0.5, 1, 1, 0.1, 0.1]),
    Row(
      name: "OneCycleLR(total_steps=10)",
      schedule: Schedule(peakRate: 0.1, curve: OneCycleCurve(steps: 10), runSteps: 10),
      rates: [
        0.0040000000000000036, 0.052000000000000005, 0.1, 0.09504846320134738, 0.0811745653949763,
        0.06112620219362893, 0.03887419780637107, 0.0188258346050237, 0.004951936798652629, 4e-07, 4e-07, 4e-07,
      ]),
    Row(
      name: "OneCycleLR(10, 'linear', pct_start=0.25, div_factor=10, final_div_factor=100)",
      schedule: Schedule(peakRate: 0.1, curve: linearCycle, runSteps: 10),
      rates: [0.01, 0.07, 0.09334, 0.08002, 0.0667, 0.05338, 0.04006, 0.02674, 0.01342, 0.0001]),
    Row(
      name: "OneCycleLR(12, three_phase=True, pct_start=0.4)",
      schedule: Schedule(peakRate: 0.1, curve: threePhases, runSteps: 12),
      rates: [
        0.0040000000000000036, 0.019490484561964422, 0.05596380858267193, 0.08987874445102689, 0.09934534256333069,
        0.07825351158987653, 0.0402166966172417, 0.009785259942088557, 0.003864957964362831, 0.002547471247546153,
        0.0007950512541687639, 4e-07,
      ]),
    Row(
      name: "nothing but warm-up", schedule: Schedule(peakRate: 1, curve: CosineCurve(), runSteps: 2, warmupSteps: 2),
      rates: [0.5, 1, 1]),
  ]

  static var linearCycle: OneCycleCurve {
    var cycle = OneCycleCurve(steps: 10)
    (cycle.annealing, cycle.risingShare, cycle.divFactor, cycle.finalDivFactor) = (.linear, 0.25, 10, 100)
    return cycle
  }

  static var threePhases: OneCycleCurve {
    var cycle = OneCycleCurve(steps: 12)
    (cycle.hasThreePhases, cycle.risingShare, cycle.momentum) = (true, 0.4, (0.8, 0.9))
    return cycle
  }

  /// What `OneCycleLR` of the rows above makes of the momentum.
  static let momenta: [(OneCycleCurve, [Double])] = [
    (
      OneCycleCurve(steps: 10),
      [
        0.95, 0.9, 0.85, 0.854951556604879, 0.8688255099070633, 0.8888739533021842, 0.9111260466978157,
        0.9311744900929366, 0.945048443395121, 0.95,
      ]
    ),
    (
      linearCycle,
      [0.95, 0.8833333333333333, 0.8566666666666667, 0.87, 0.8833333333333333, 0.8966666666666666, 0.91,
        0.9233333333333333, 0.9366666666666666, 0.95]
    ),
    (
      threePhases,
      [
        0.9, 0.8838640785812871, 0.8458710327263834, 0.8105429745301803, 0.8006819348298639, 0.8226525920938786,
        0.86227427435704, 0.8939736875603245, 0.9, 0.9, 0.9, 0.9,
      ]
    ),
  ]

  @Test(arguments: momenta.indices)
  func momentumGoesTheOtherWay(_ index: Int) throws {
    let (curve, wanted) = Self.momenta[index]
    let schedule = Schedule(peakRate: 0.1, curve: curve, runSteps: curve.steps)
    for (step, momentum) in wanted.enumerated() {
      #expect(abs(try #require(schedule.momentum(at: step)) - momentum) < 1e-12, "step \(step)")
    }
    #expect(Schedule(peakRate: 0.1, curve: CosineCurve(), runSteps: 4).momentum(at: 0) == nil)
  }

  /// Runs so short that a phase has no length, or less.
  @Test(arguments: [1, 2, 3, 4]) func shortCycles(steps: Int) {
    for threePhases in [false, true] {
      var cycle = OneCycleCurve(steps: steps)
      cycle.hasThreePhases = threePhases
      let schedule = Schedule(peakRate: 0.1, curve: cycle, runSteps: steps)
      for step in 0...steps + 1 { #expect((0...0.1).contains(schedule.rate(at: step)), "step \(step)") }
      #expect(abs(schedule.rate(at: steps - 1) - 4e-7) < 1e-15)
    }
  }

  @Test func scaleIsForTheCurveAlone() {
    let schedule = Schedule(peakRate: 0.4, curve: Plateau(), runSteps: 8, warmupSteps: 2)
    #expect([0, 1, 2, 7].map { schedule.rate(at: $0, scale: 0.25) } == [0.2, 0.4, 0.1, 0.1])
  }

  @Test(arguments: rows)
  func rates(_ row: Row) {
    for (step, rate) in row.rates.enumerated() {
      #expect(abs(row.schedule.rate(at: step) - rate) < 1e-15 + 1e-12 * rate, "step \(step)")
    }
  }
}
