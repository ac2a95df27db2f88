import Communication
import Testing
import Training

@Suite struct JobReportTests {
  private func sentences(_ ratios: [Double], hosts: Int = 1) -> [String] {
    let sums = ratios.enumerated().map { index, ratio in
      LinkMeasurement.Sum(bytes: 65_536 << (2 * index), measuredSeconds: ratio * 1e-3, predictedSeconds: 1e-3)
    }
    return JobReport.findings(sums, hosts: hosts).map(\.sentence)
  }

  /// The first is 64 KiB: too short to tell of gradients.
  @Test func `Sums that mostly keep to the line are well`() {
    #expect(sentences([9, 1.1, 1.2, 0.9]) == [])
    #expect(sentences([9, 1.1, 1.4, 5]) == [])
    #expect(sentences([9]) == [])
    #expect(sentences([]) == [])
  }

  @Test func `Sums that take far longer are told with the worst of them`() {
    let one = sentences([1, 1.6, 1.7, 2.04])
    #expect(one.count == 1 && one[0].hasPrefix("a sum of 4.2 MB takes 2.04 ms, 2.0 times what the link explains: ranks"))
    #expect(sentences([1, 1.6, 1.7, 2.04], hosts: 2)[0].contains("`--mca btl_tcp_if_include`"))
  }
}
