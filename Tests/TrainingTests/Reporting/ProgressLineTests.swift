import Testing
import Training

/// The progress line: its text as a table, and when it is shown.
@Suite struct ProgressLineTests {
  private static func report(_ change: (inout StepReport) -> Void = { _ in }) -> StepReport {
    var report = StepReport(
      step: 780, totalSteps: 7800, epoch: 3, totalEpochs: 30, loss: 1.23456, learningRate: 0.0812,
      imagesPerSecond: 1842.4, secondsElapsed: 95, secondsLeft: 750)
    change(&report)
    return report
  }

  private static let full = report {
    $0.metric = .init("top1", 56.3, unit: "%")
    $0.shareOfPeak = 0.413
    $0.split = .init(
      compute: 8.1, exposedCommunication: 0.6, waiting: 0.8, data: 0.3, other: 0.2, slowestRank: 2,
      slowestHost: "node7")
  }

  private static let split =
    "(compute 81 %, communication 6 %, waiting 8 % for rank 2 on node7, data 3 %, other 2 %)"

  @Test(arguments: [
    (
      report(), nil,
      "epoch 3/30  step 780/7,800  loss 1.2346  lr 0.0812  1,842 images/s  12 min 30 s left"
    ),
    (
      full, nil,
      "epoch 3/30  step 780/7,800  loss 1.2346  top1 56.30 %  lr 0.0812  1,842 images/s  41 % of peak  "
        + "12 min 30 s left  \(split)"
    ),
    (
      full, 120,
      "epoch 3/30  step 780/7,800  loss 1.2346  top1 56.30 %  lr 0.0812  1,842 images/s  41 % of peak  12 min 30 s left"
    ),
    (full, 80, "step 780/7,800  loss 1.2346  top1 56.30 %  1,842 images/s  12 min 30 s left"),
    (full, 60, "step 780/7,800  loss 1.2346  12 min 30 s left"),
    (full, 30, "step 780/7,800  loss 1.2346"),
    (full, 14, "step 780/7,800"),
    (full, 8, "step 78…"),
    (
      report { ($0.loss, $0.imagesPerSecond, $0.secondsLeft, $0.totalEpochs) = (.nan, 8.25, nil, nil) }, nil,
      "epoch 3  step 780/7,800  loss nan  lr 0.0812  8.2 images/s"
    ),
    (
      report { ($0.step, $0.loss, $0.learningRate) = (7800, 1e9, 1e-5) }, nil,
      "epoch 3/30  step 7,800/7,800  loss 1.0000e+09  lr 1e-05  1,842 images/s  took 1 min 35 s"
    ),
    (
      report { $0.imagesPerSecond = .infinity }, nil,
      "epoch 3/30  step 780/7,800  loss 1.2346  lr 0.0812  inf images/s  12 min 30 s left"
    ),
  ] as [(StepReport, Int?, String)])
  func text(report: StepReport, columns: Int?, line: String) {
    #expect(ProgressLine.line(for: report, columns: columns) == line)
  }

  /// What a display of one kind is given for reports at these seconds; the last is the run's last step.
  private func shown(_ display: ProgressLine.Display, at seconds: [Double]) -> [String] {
    var texts: [String] = []
    let line = ProgressLine(display) { texts.append($0) }
    for (index, second) in seconds.enumerated() {
      line.show(
        StepReport(
          step: index + 1, totalSteps: seconds.count, epoch: 1, loss: 1, learningRate: 1, imagesPerSecond: 1,
          secondsElapsed: second))
    }
    line.finish()
    return texts
  }

  @Test func plainLinesComeAtIntervalsAndAtTheEnd() {
    let texts = shown(.plain(intervalSeconds: 10), at: [0, 4, 9.9, 10, 15, 31, 32])
    #expect(texts.map { $0.split(separator: "  ")[1] } == ["step 1/7", "step 4/7", "step 6/7", "step 7/7"])
    #expect(texts.allSatisfy { $0.hasSuffix("\n") && !$0.contains("\r") && !$0.contains("\u{1B}") })
  }

  @Test func runsThatShareALineBeginAnewAndWarnOnce() {
    var texts: [String] = []
    let line = ProgressLine(.plain(intervalSeconds: 10)) { texts.append($0) }
    for _ in 0..<2 {
      line.warn("ranks take turns")
      line.show(Self.report())
      line.finish()
    }
    #expect(texts.count == 3 && texts[0] == "warning: ranks take turns\n" && texts[1] == texts[2], "\(texts)")
  }

  @Test func terminalIsRedrawnInPlaceWithinItsWidth() {
    let texts = shown(.terminal(columns: { 25 }), at: [0, 0.05, 0.2, 0.21])
    #expect(
      texts == [
        "\rstep 1/4  loss 1.0000\u{1B}[K", "\rstep 3/4  loss 1.0000\u{1B}[K", "\rstep 4/4  loss 1.0000\u{1B}[K", "\n",
      ])
  }

  @Test func announcementStandsAboveTheLine() {
    var written = ""
    let line = ProgressLine(.terminal(columns: { 16 })) { written += $0 }
    line.announce("starts")
    line.show(Self.report())
    line.announce("saved")
    #expect(written == "starts\n\rstep 780/7,800\u{1B}[K\r\u{1B}[Ksaved\nstep 780/7,800")
  }
}
