import Configuration
import Testing

@Suite struct IntervalTests {
  @Test(arguments: [
    ("500", Interval.steps(500)), ("500 steps", .steps(500)), ("0", .steps(0)), ("1 epoch", .epochs(1)),
    ("2.5 epochs", .epochs(2.5)), ("3epochs", .epochs(3)), ("5 %", .share(0.05)), ("10%", .share(0.1)),
  ])
  func reads(_ text: String, _ interval: Interval) {
    #expect(Interval(text) == interval)
    #expect(Interval(interval.description) == interval)
  }

  @Test(arguments: [
    "", "epoch", "-1", "1.5", "1.5 steps", "1 2 epochs", "101 %", "1e3 epochs", "nan epochs", "one epoch",
  ])
  func refuses(_ text: String) { #expect(Interval(text) == nil) }

  @Test func countsSteps() {
    #expect(Interval.steps(7).steps(perEpoch: 100, ofRun: 1000) == 7)
    #expect(Interval.epochs(2.5).steps(perEpoch: 100, ofRun: 1000) == 250)
    #expect(Interval.share(0.1).steps(perEpoch: 100, ofRun: 995) == 100)
    #expect(Interval.epochs(1e300).steps(perEpoch: 100, ofRun: 1) == 1_000_000_000_000_000)
  }
}
