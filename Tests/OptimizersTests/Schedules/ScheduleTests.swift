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
      name: "nothing but warm-up", schedule: Schedule(peakRate: 1, curve: CosineCurve(), runSteps: 2, warmupSteps: 2),
      rates: [0.5, 1, 1]),
  ]

  @Test(arguments: rows)
  func rates(_ row: Row) {
    for (step, rate) in row.rates.enumerated() {
      #expect(abs(row.schedule.rate(at: step) - rate) < 1e-15 + 1e-12 * rate, "step \(step)")
    }
  }
}
