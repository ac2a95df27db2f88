import Foundation

/// A comparison in the form papers print it: one row for each module, means and deviations over the seeds.
public struct ComparisonReport: Encodable {
  /// One module.
  public struct Row: Encodable, Hashable, Sendable {
    public let variant: String
    public let parameters: Int
    public let multiplyAdds: Int
    /// The median over the finished runs.
    public let imagesPerSecond: Double?
    /// The deciding metric of each finished run after its last evaluation, by seed.
    public let values: [Double]
    /// Trained scalars by name, each over the depth of the network, averaged over the seeds.
    public let factors: [String: [Double]]
    public let runs: Int
    public let finishedRuns: Int
    public let failures: [String]

    public let mean: Double?
    /// The sample's standard deviation, from two values on.
    public let deviation: Double?

    init(_ runs: [ComparedRun], metric: String) {
      let finished = runs.filter { $0.isDone && $0.failure == nil }
      variant = runs[0].variant
      parameters = runs[0].parameters
      multiplyAdds = runs[0].multiplyAdds
      let speeds = finished.compactMap(\.imagesPerSecond).sorted()
      imagesPerSecond = speeds.isEmpty ? nil : speeds[speeds.count / 2]
      let values = finished.compactMap { $0.metrics[metric] }, count = Double(values.count)
      let mean = values.isEmpty ? nil : values.reduce(0, +) / count
      self.values = values
      self.mean = mean
      deviation = mean.flatMap { mean in
        count > 1 ? (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)).squareRoot() : nil
      }
      var factors: [String: [Double]] = [:]
      for name in Set(finished.flatMap(\.factors.keys)) {
        let all = finished.compactMap { $0.factors[name] }, depth = all.map(\.count).min() ?? 0
        factors[name] = (0..<depth).map { place in all.reduce(0) { $0 + $1[place] } / Double(all.count) }
      }
      self.factors = factors
      self.runs = runs.count
      finishedRuns = finished.count
      failures = runs.compactMap(\.failure)
    }
  }

  /// The deciding metric's name.
  public let metric: String
  public let rows: [Row]
  public let runs: [ComparedRun]

  /// - Parameter runs: of all variants; the rows keep the order in which variants first come.
  package init(_ runs: [ComparedRun], metric: String) {
    self.metric = metric
    self.runs = runs
    var names: [String] = []
    for run in runs where !names.contains(run.variant) { names.append(run.variant) }
    rows = names.map { name in Row(runs.filter { $0.variant == name }, metric: metric) }
  }

  /// How many runs have ended, and how many there are.
  public var finishedRuns: Int { runs.count { $0.isDone } }

  /// The row that the others are compared with: the network without attention.
  var plain: Row? { rows.first { $0.variant == "none" } }

  /// The papers' table.
  public var table: SummaryTable {
    let hasPlain = plain?.mean != nil
    var columns: [SummaryTable.Column] = [
      .init("attention"), .init("parameters", .right), .init("multiply-adds", .right), .init("images/s", .right),
      .init(metric, .right),
    ]
    if hasPlain { columns.append(.init("Δ", .right)) }
    columns.append(.init("runs", .right))
    return SummaryTable(
      columns: columns,
      rows: rows.map { row in
        var cells = [
          row.variant, NumberText.grouped(row.parameters), NumberText.grouped(row.multiplyAdds),
          row.imagesPerSecond.map { NumberText.fixed($0, decimals: 0) } ?? "", figure(row),
        ]
        if hasPlain { cells.append(gain(row)) }
        cells.append("\(row.finishedRuns) of \(row.runs)")
        return cells
      })
  }

  /// `76.25 ± 0.31`.
  private func figure(_ row: Row) -> String {
    guard let mean = row.mean else { return row.failures.isEmpty ? "" : "failed" }
    let spread = row.deviation.map { " ± \(NumberText.fixed($0, decimals: 2))" } ?? ""
    return NumberText.fixed(mean, decimals: 2) + spread
  }

  private func gain(_ row: Row) -> String {
    guard let mean = row.mean, let plain = plain?.mean, row.variant != "none" else { return "" }
    return (mean < plain ? "−" : "+") + NumberText.fixed(abs(mean - plain), decimals: 2)
  }

  /// What the modules have learned beside weights: their trained scalars over the depth of the network; `nil` where
  /// there are none.
  public var factorTable: SummaryTable? {
    var table = SummaryTable(
      columns: [.init("trained factor")] + ["places", "mean", "first", "last", "least", "most"].map { .init($0, .right) })
    for row in rows {
      for (name, values) in row.factors.sorted(by: { $0.key < $1.key }) where !values.isEmpty {
        let mean = values.reduce(0, +) / Double(values.count)
        let figures = [mean, values[0], values[values.count - 1], values.min()!, values.max()!]
        // Adding 0 makes the zero that rounding leaves of a small negative number a plain one.
        let cells = figures.map { NumberText.fixed(($0 * 1000).rounded() / 1000 + 0, decimals: 3) }
        table.append(["\(row.variant) \(name)", "\(values.count)"] + cells)
      }
    }
    return table.rows.isEmpty ? nil : table
  }

  /// Both tables for a terminal.
  public var text: String { table.text + (factorTable.map { "\n" + $0.text } ?? "") }

  /// Both tables in Markdown.
  public var markdown: String { table.markdown + (factorTable.map { "\n" + $0.markdown } ?? "") }

  /// Everything, the single runs and their curves too, as one JSON object.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Writes `comparison.txt`, `comparison.md`, `comparison.json` and the figures into a folder that exists.
  /// - Throws: `ReportingError`, `PictureError`.
  func write(into folder: String) throws {
    for (ending, text) in [("txt", text), ("md", markdown), ("json", try json())] {
      try AppendedFile.replace("\(folder)/comparison.\(ending)", with: Array(text.utf8))
    }
    try ComparisonFigure(self).rendered().writePNG(to: folder + "/comparison.png")
  }
}
