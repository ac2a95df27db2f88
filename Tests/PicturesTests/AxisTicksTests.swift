import Pictures
import Testing

/// The numbers written along an axis.
@Suite struct AxisTicksTests {
  @Test(arguments: [
    (0.0...2.6, 6, ["0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
    (0...7800, 9, ["0", "1000", "2000", "3000", "4000", "5000", "6000", "7000"]),
    (0...450_000, 6, ["0", "100k", "200k", "300k", "400k"]),
    (0...4_500_000, 6, ["0", "1M", "2M", "3M", "4M"]),
    (0.0...3e-4, 4, ["0", "1×10⁻⁴", "2×10⁻⁴", "3×10⁻⁴"]),
    (-1...1, 5, ["−1.0", "−0.5", "0", "0.5", "1.0"]),
    (0.1...0.3, 3, ["0.1", "0.2", "0.3"]),
    (71.2...71.9, 4, ["71.2", "71.4", "71.6", "71.8"]),
  ] as [(ClosedRange<Double>, Int, [String])])
  func linear(range: ClosedRange<Double>, count: Int, labels: [String]) {
    let ticks = AxisTicks.linear(range, atMost: count)
    #expect(ticks.labels == labels)
    #expect(ticks.values.allSatisfy { (range.lowerBound - 1e-6...range.upperBound + 1e-6).contains($0) })
  }

  @Test(arguments: [
    (0.001...100.0, 8, ["10⁻³", "10⁻²", "10⁻¹", "1", "10", "10²"]),
    (0.15...2.7, 7, ["0.2", "0.5", "1", "2"]),
    (1e-12...1.0, 5, ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]),
    (2.1...2.9, 5, ["2.2", "2.4", "2.6", "2.8"]),
  ] as [(ClosedRange<Double>, Int, [String])])
  func logarithmic(range: ClosedRange<Double>, count: Int, labels: [String]) {
    #expect(AxisTicks.logarithmic(range, atMost: count).labels == labels)
  }
}
