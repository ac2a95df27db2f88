import Testing
import Training

/// Durations and numbers as people read them.
@Suite struct NumberTextTests {
  @Test(arguments: [
    (0, "0.0 s"), (4.23, "4.2 s"), (9.96, "10 s"), (45.4, "45 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"),
    (3599.4, "59 min 59 s"), (3599.7, "1 h 00 min"), (3725, "1 h 02 min"), (86_395, "1 d 00 h"),
    (2 * 86_400 + 5 * 3600, "2 d 05 h"), (-1, "unknown"), (.nan, "unknown"), (.infinity, "unknown"),
  ] as [(Double, String)])
  func duration(seconds: Double, text: String) {
    #expect(NumberText.duration(seconds) == text)
  }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1,000"), (25_557_032, "25,557,032"), (-1234, "-1,234"),
    (.min, "-9,223,372,036,854,775,808"),
  ] as [(Int, String)])
  func groups(number: Int, text: String) {
    #expect(NumberText.grouped(number) == text)
  }

  @Test func numbersThatAreNotFiniteAreNamed() {
    #expect(NumberText.fixed(.nan, decimals: 2) == "nan")
    #expect(NumberText.significant(-.infinity, digits: 3) == "-inf")
    #expect(NumberText.percent(.infinity) == "inf %")
  }

  @Test func digitsAreThoseAskedFor() {
    #expect(NumberText.fixed(2e6, decimals: 2) == "2.00e+06")
    #expect(NumberText.significant(0.08125, digits: 3) == "0.0813")
    #expect(NumberText.percent(0.416) == "42 %")
  }
}
