import Pictures
import Testing
import Training

/// The arithmetic of a comparison's table.
@Suite struct ComparisonReportTests {
  private func run(
    _ variant: String, _ seed: UInt64, top1: Double?, speed: Double = 100, factors: [String: [Double]] = [:]
  ) -> ComparedRun {
    var run = ComparedRun(variant: variant, seed: seed, runFile: "", parameters: 1_234, multiplyAdds: 5_678)
    guard let top1 else { return run }
    run.isDone = true
    run.metrics = ["top1": top1]
    run.imagesPerSecond = speed
    run.factors = factors
    run.curve = [.init(epoch: 1, value: top1 / 2), .init(epoch: 2, value: top1)]
    return run
  }

  private var report: ComparisonReport {
    var diverged = run("nl", 0, top1: 3)
    diverged.failure = "the loss is nan"
    let cat = [["w": [0, -0.0001]], ["w": [1, 0.5]]]
    return ComparisonReport(
      [
        run("none", 0, top1: 70, speed: 300), run("cat", 0, top1: 71, speed: 90, factors: cat[0]), diverged,
        run("sem", 0, top1: nil), run("none", 1, top1: 74, speed: 200), run("cat", 1, top1: 75, factors: cat[1]),
        run("none", 2, top1: 69, speed: 250),
      ], metric: "top1")
  }

  @Test func rowsHaveMeanDeviationAndGain() throws {
    let rows = report.rows
    #expect(rows.map(\.variant) == ["none", "cat", "nl", "sem"])
    #expect(rows[0].mean == 71 && rows[0].imagesPerSecond == 250)
    // Deviations -1, 3, -2: √(14 / 2).
    #expect(abs(try #require(rows[0].deviation) - 2.6457513) < 1e-6)
    #expect(rows[2].mean == nil && rows[2].failures == ["the loss is nan"])
    #expect(rows[3].finishedRuns == 0 && rows[3].runs == 1)
    #expect(report.finishedRuns == 6)
  }

  @Test func tableReadsAsAPaperPrintsIt() {
    #expect(
      report.table.text == """
        attention  parameters  multiply-adds  images/s          top1      Δ    runs
        ─────────  ──────────  ─────────────  ────────  ────────────  ─────  ──────
        none            1,234          5,678       250  71.00 ± 2.65         3 of 3
        cat             1,234          5,678       100  73.00 ± 2.83  +2.00  2 of 2
        nl              1,234          5,678                  failed         0 of 1
        sem             1,234          5,678                                 0 of 1

        """)
  }

  @Test func factorsAreAveragedOverSeedsPlaceByPlace() {
    #expect(
      report.factorTable?.text == """
        trained factor  places   mean  first   last  least   most
        ──────────────  ──────  ─────  ─────  ─────  ─────  ─────
        cat w                2  0.375  0.500  0.250  0.250  0.500

        """)
    #expect(ComparisonReport([run("none", 0, top1: 1)], metric: "top1").factorTable == nil)
  }

  @Test func figuresAreDrawnOfAnyState() throws {
    for runs in [report.runs, [run("none", 0, top1: nil)], [run("none", 0, top1: .nan), run("se", 0, top1: 5)]] {
      let canvas = ComparisonFigure(ComparisonReport(runs, metric: "top1")).rendered()
      #expect(try canvas.pngBytes().count > 1000)
    }
  }
}
