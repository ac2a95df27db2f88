import Foundation
import Testing
import Training

/// The plots that a run's metrics give rise to.
@Suite struct RunPlotsTests {
  private let records: [MetricRecord] =
    (1...40).map { step in
      ["phase": "train", "step": .integer(step), "epoch": 1, "loss": .number(2 / Double(step)), "learning_rate": 0.1]
    } + [
      ["phase": "evaluate", "epoch": 1, "step": 20, "top1": 40.0, "top5": 90.0, "loss": 1.0, "samples": 100],
      ["phase": "evaluate", "epoch": 2, "step": 40, "top1": 60.0, "top5": 95.0, "loss": 0.5, "samples": 100],
    ]

  @Test func eachMetricHasItsPlot() throws {
    let plots = RunPlots(run: "r", records: records).plots
    #expect(plots.map(\.name) == ["loss", "learning_rate", "top1", "top5"])
    let loss = try #require(plots.first).plot
    #expect(loss.title == "r: loss" && loss.series.map(\.name) == ["training", "evaluation"] && !loss.isLogarithmic)
    #expect(loss.series[0].points.count == 40 && loss.series[1].points.map(\.y) == [1, 0.5])
    #expect(plots[2].plot.series[0].points.map { [$0.x, $0.y] } == [[20, 40], [40, 60]])
  }

  @Test func lossOverDecadesIsLogarithmic() {
    let records: [MetricRecord] = (1...300).map { step in
      ["phase": "train", "step": .integer(step), "loss": .number(1 / Double(step))]
    }
    #expect(RunPlots(run: "r", records: records).plots[0].plot.isLogarithmic)
  }

  @Test func filesAreNamedAfterTheirContent() throws {
    try withTemporaryFolder { folder in
      try RunPlots(run: "r", records: records).write(into: folder)
      let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      #expect(files == ["learning_rate.png", "loss.png", "top1.png", "top5.png"])
      try RunPlots(run: "r", records: []).write(into: "/nowhere")
    }
  }
}
