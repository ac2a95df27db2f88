import Testing
import Training

@Suite struct StepHistoryTests {
  private func history(_ losses: [Double]) -> StepHistory {
    var history = StepHistory()
    for (index, loss) in losses.enumerated() {
      history.add(StepOutcome(step: index + 1, loss: loss, gradientNorm: 1, learningRate: 0.1))
    }
    return history
  }

  @Test func `A spike is more than so many times the median, and more than every loss before`() {
    // Median 2, but one loss of 9.
    let seen = history([9] + [Double](repeating: 2, count: 30))
    #expect(seen.spike(10, factor: 3) == 5)
    #expect(seen.spike(8, factor: 3) == nil, "there was a larger one")
    #expect(seen.spike(10, factor: 5) == nil, "not more than five times")
    #expect(seen.spike(1000, factor: 0) == nil, "switched off")
  }

  @Test func `Few losses are measured against nothing`() {
    #expect(history([Double](repeating: 2, count: StepHistory.least - 1)).spike(100, factor: 2) == nil)
    #expect(history([Double](repeating: 2, count: StepHistory.least)).spike(100, factor: 2) == 50)
    #expect(history([Double](repeating: 0, count: 30)).spike(1, factor: 2) == nil, "nothing is twice zero")
  }

  @Test func `Steps long ago are forgotten`() {
    let seen = history((1...80).map(Double.init))
    #expect(seen.steps.map(\.step) == Array(31...80))
    // The median of 31...80.
    #expect(seen.spike(560, factor: 9) == 10)
  }
}
