import Pictures

/// The curves of a run, drawn from its metrics: loss, learning rate, images a second, each metric of the evaluations.
public struct RunPlots {
  /// A picture's file name without its ending, and what is on it.
  public typealias NamedPlot = (name: String, plot: LinePlot)

  private let run: String
  private let training: [MetricRecord]
  private let evaluations: [MetricRecord]

  /// - Parameters:
  ///   - run: the name that stands above each plot.
  ///   - records: the lines of the run's `metrics.jsonl`.
  public init(run: String, records: [MetricRecord]) {
    self.run = run
    training = records.filter { $0["phase"] == .text("train") }
    evaluations = records.filter { $0["phase"] == .text("evaluate") }
  }

  /// The plots for which the run has numbers.
  public var plots: [NamedPlot] {
    var plots: [NamedPlot] = []
    let trainingLoss = points("loss", of: training)
    let loss = [
      PlotSeries("training", trainingLoss, style: .smoothed(weight: smoothingWeight(trainingLoss.count))),
      PlotSeries("evaluation", points("loss", of: evaluations), style: .marked),
    ].filter { !$0.points.isEmpty }
    if !loss.isEmpty { plots.append(("loss", plot("loss", "loss", loss, isLogarithmic: spansDecades(loss)))) }
    let rates = points("learning_rate", of: training), speeds = points("images_per_second", of: training)
    if !rates.isEmpty {
      plots.append(("learning_rate", plot("learning rate", "learning rate", [PlotSeries("", rates)])))
    }
    if !speeds.isEmpty {
      let series = PlotSeries("", speeds, style: .smoothed(weight: smoothingWeight(speeds.count)))
      plots.append(("images_per_second", plot("speed", "images per second", [series])))
    }
    for metric in metricNames {
      let series = PlotSeries("", points(metric, of: evaluations), style: .marked)
      plots.append((metric, plot("evaluation, \(metric)", metric, [series])))
    }
    return plots
  }

  /// Writes each plot as a PNG into a folder that exists.
  /// - Throws: `PictureError` for the first file that the disk refuses.
  public func write(into folder: String) throws {
    for (name, plot) in plots { try plot.rendered().writePNG(to: "\(folder)/\(name).png") }
  }

  private func points(_ field: String, of records: [MetricRecord]) -> [Point] {
    records.compactMap { record in
      guard let step = record.number("step"), let value = record.number(field) else { return nil }
      return Point(x: step, y: value)
    }
  }

  /// The numbers of an evaluation that are results, not circumstances, in the order of their first appearance.
  private var metricNames: [String] {
    let circumstances: Set = ["phase", "step", "epoch", "loss", "samples", "seconds"]
    var names: [String] = []
    for record in evaluations {
      for field in record.fields
      where !circumstances.contains(field.name) && !names.contains(field.name) && record.number(field.name) != nil
        && Self.namesFile(field.name) {
        names.append(field.name)
      }
    }
    return Array(names.prefix(Self.mostMetrics))
  }

  /// Past so many metrics the others have no plot.
  private static let mostMetrics = 64

  /// Whether a picture can be called so: a line that somebody else wrote must not lead out of the folder.
  private static func namesFile(_ name: String) -> Bool {
    (1...100).contains(name.utf8.count) && !name.hasPrefix(".") && name.utf8.allSatisfy { $0 > 0x1F && $0 != 0x2F }
  }

  private func plot(_ title: String, _ label: String, _ series: [PlotSeries], isLogarithmic: Bool = false) -> LinePlot {
    LinePlot(title: "\(run): \(title)", xLabel: "step", yLabel: label, series: series, isLogarithmic: isLogarithmic)
  }

  /// Averages over about a thirtieth of the curve, over 100 points at most.
  private func smoothingWeight(_ count: Int) -> Double { 1 - 1 / Double(max(1, min(50, count / 60))) }

  /// Whether a linear axis would flatten the better part of the curves: the run spiked, or its loss fell a hundredfold.
  private func spansDecades(_ series: [PlotSeries]) -> Bool {
    let values = series.flatMap(\.points).map(\.y).filter(\.isFinite)
    guard let low = values.min(), let high = values.max(), low > 0 else { return false }
    return high > 100 * low
  }
}
