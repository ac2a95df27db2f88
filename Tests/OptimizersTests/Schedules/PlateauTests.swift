import Optimizers
import Testing

/// Against the rates that PyTorch 2.13's `ReduceLROnPlateau` had after each evaluation, from 0.1.
@Suite struct PlateauTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let plateau: Plateau
    let isBetterHigher: Bool
    let rates: [Double]
    let best: Double
    let badEvaluations: Int
    let cooldown: Int
    var testDescription: String { name }
  }

  static let losses = [
    2.0, 1.5, 1.4999, 1.6, 1.4, 1.41, 1.45, 1.39995, 1.5, 1.4, 1.3, 1.31, 1.32, 1.33, 1.34, 1.35, 1.36, 1.37, 1.38,
  ]
  static let accuracies: [Double] = [10, 30, 31, 45, 44, 45.1, 45.2, 60, 59, 58, 57, 56, 55, 70, 70, 70, 70]

  private static func plateau(_ change: (inout Plateau) -> Void) -> Plateau {
    var plateau = Plateau()
    change(&plateau)
    return plateau
  }

  static let rows = [
    Row(
      name: "min, rel, patience 1, min_lr 0.02",
      plateau: plateau { ($0.factor, $0.patience, $0.minRate) = (0.5, 1, 0.02) }, isBetterHigher: false,
      rates: [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025] + [Double](repeating: 0.02, count: 11), best: 1.3,
      badEvaluations: 0, cooldown: 0),
    Row(
      name: "min, abs 0.05, patience 0, cooldown 2",
      plateau: plateau { ($0.patience, $0.threshold, $0.thresholdMode, $0.cooldown) = (0, 0.05, .abs, 2) },
      isBetterHigher: false,
      rates: [
        1e-1, 1e-1, 1e-2, 1e-2, 1e-2, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-6, 1e-6, 1e-6, 1e-7,
        1e-7,
      ], best: 1.3, badEvaluations: 0, cooldown: 1),
    Row(
      name: "max, rel 0.01, patience 2, cooldown 1",
      plateau: plateau { ($0.factor, $0.patience, $0.threshold, $0.cooldown) = (0.3, 2, 0.01, 1) },
      isBetterHigher: true,
      rates: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.03, 0.03, 0.03, 0.03, 9e-3, 9e-3, 9e-3, 9e-3, 9e-3, 9e-3, 2.7e-3],
      best: 70, badEvaluations: 0, cooldown: 1),
    Row(
      name: "max, abs 2, patience 1, min_lr 0.04",
      plateau: plateau {
        ($0.factor, $0.patience, $0.threshold, $0.thresholdMode, $0.minRate) = (0.3, 1, 2, .abs, 0.04)
      },
      isBetterHigher: true, rates: [Double](repeating: 0.1, count: 5) + [Double](repeating: 0.04, count: 12), best: 70,
      badEvaluations: 1, cooldown: 0),
  ]

  @Test(arguments: rows)
  func asPyTorch(_ row: Row) {
    var state = Plateau.State(), before = 1.0
    for (index, value) in (row.isBetterHigher ? Self.accuracies : Self.losses).enumerated() {
      let isLower = row.plateau.judge(value, isBetterHigher: row.isBetterHigher, peak: 0.1, &state)
      #expect(isLower == (state.scale < before), "evaluation \(index)")
      before = state.scale
      // PyTorch multiplies the rate, this program the factor to it.
      #expect(abs(0.1 * state.scale - row.rates[index]) < 1e-12 * row.rates[index], "evaluation \(index): \(state)")
    }
    #expect(state.best == row.best && state.badEvaluations == row.badEvaluations && state.cooldown == row.cooldown)
  }

  @Test func whatIsNoNumberIsNoProgress() {
    var plateau = Plateau(), state = Plateau.State()
    plateau.patience = 0
    let first = plateau.judge(.nan, isBetterHigher: true, peak: 1, &state)
    #expect(first && state.best == nil)
    let second = plateau.judge(5, isBetterHigher: true, peak: 1, &state)
    #expect(!second && state.best == 5)
    let third = plateau.judge(5, isBetterHigher: true, peak: 0, &state)
    #expect(!third && state.scale == 0.1, "a rate of 0 has nothing to lose")
  }
}
