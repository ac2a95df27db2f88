import Pictures

/// A comparison as a paper's figure: the deciding metric of every run by module, the same over speed, and the course
/// of the evaluations.
package struct ComparisonFigure {
  private let report: ComparisonReport

  package init(_ report: ComparisonReport) { self.report = report }

  private static let width = 960.0
  private static let curveHeight = 360.0

  package func rendered() -> Canvas {
    let dots = self.dots, top = max(dots.height, 280)
    let canvas = Canvas(width: Self.width, height: top + Self.curveHeight, scale: 2)
    let half = Self.width / 2
    dots.draw(on: canvas, in: Rectangle(x: 0, y: 0, width: half, height: top))
    speeds.draw(on: canvas, in: Rectangle(x: half, y: 0, width: half, height: top))
    curves.draw(on: canvas, in: Rectangle(x: 0, y: top, width: Self.width, height: Self.curveHeight))
    return canvas
  }

  private var dots: DotPlot {
    let seeds = report.rows.map(\.finishedRuns).max() ?? 0
    return DotPlot(
      title: "after the last epoch" + (seeds > 1 ? ", \(seeds) seeds, mean ± deviation" : ""), xLabel: report.metric,
      rows: report.rows.enumerated().map { index, row in
        DotPlot.Row(row.variant, values: row.values, mean: row.mean, deviation: row.deviation, color: color(index))
      },
      reference: report.plain?.mean)
  }

  private var speeds: ScatterPlot {
    ScatterPlot(
      title: "gain and cost", xLabel: "images a second in training", yLabel: report.metric,
      marks: report.rows.enumerated().compactMap { index, row in
        guard let mean = row.mean, let speed = row.imagesPerSecond else { return nil }
        return ScatterPlot.Mark(row.variant, at: Point(x: speed, y: mean), deviation: row.deviation, color: color(index))
      })
  }

  /// Each module's evaluations, averaged over the runs that have come so far.
  private var curves: LinePlot {
    LinePlot(
      title: "evaluations", xLabel: "epoch", yLabel: report.metric,
      series: report.rows.map { row in
        let runs = report.runs.filter { $0.variant == row.variant && $0.isDone && $0.failure == nil }
        let epochs = Set(runs.flatMap { $0.curve.map(\.epoch) }).sorted()
        let points = epochs.map { epoch in
          let values = runs.compactMap { run in run.curve.last { $0.epoch == epoch }?.value }
          return Point(x: Double(epoch), y: values.reduce(0, +) / Double(values.count))
        }
        return PlotSeries(row.variant, points, style: points.count > 40 ? .line : .marked)
      })
  }

  private func color(_ index: Int) -> Color { Color.series[index % Color.series.count] }
}
