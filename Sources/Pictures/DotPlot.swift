/// Rows of measurements beside each other: for each row its single values as dots, their mean as a bar with a whisker
/// of one deviation to either side. What papers draw when every method was run several times.
public struct DotPlot: Hashable, Sendable {
  /// One row.
  public struct Row: Hashable, Sendable {
    public var name: String
    /// The single measurements; a row without any is named and left empty.
    public var values: [Double]
    public var mean: Double?
    public var deviation: Double?
    public var color: Color

    public init(_ name: String, values: [Double], mean: Double?, deviation: Double?, color: Color) {
      self.name = name
      self.values = values
      self.mean = mean
      self.deviation = deviation
      self.color = color
    }
  }

  public var title: String
  public var xLabel: String
  public var rows: [Row]
  /// A value that all rows are seen against: a dashed line down the plot.
  public var reference: Double?

  public init(title: String, xLabel: String, rows: [Row], reference: Double? = nil) {
    self.title = title
    self.xLabel = xLabel
    self.rows = rows
    self.reference = reference
  }

  /// Points of a row.
  private static let rowHeight = 30.0
  private static let headHeight = 44.0
  private static let footHeight = 48.0

  /// The points that the plot wants from top to bottom.
  public var height: Double {
    2 * PlotAxes.margin + Self.headHeight - 18 + Double(max(rows.count, 1)) * Self.rowHeight + Self.footHeight
  }

  /// Draws the plot into a part of a canvas.
  public func draw(on canvas: Canvas, in frame: Rectangle) {
    let shown = rows.flatMap { row in
      row.values + [row.mean.map { $0 - (row.deviation ?? 0) }, row.mean.map { $0 + (row.deviation ?? 0) }]
        .compactMap { $0 }
    } + [reference].compactMap { $0 }
    let axis = PlotAxis(
      covering: shown, padding: 0.08, isLogarithmic: false, atMostTicks: max(3, Int(frame.width / 90)))
    let nameLimit = frame.width / 3
    let names = rows.map { canvas.shortened($0.name, toFit: nameLimit, PlotAxes.labelFont) }
    let nameWidth = names.map { canvas.width(of: $0, PlotAxes.labelFont) }.max() ?? 0
    let axes = PlotAxes(
      rowsOf: Double(max(rows.count, 1)) * Self.rowHeight, names: nameWidth, in: frame, x: axis)
    axes.draw(on: canvas, title: title, xLabel: xLabel)
    let plot = axes.plot
    if let reference {
      let x = axes.column(reference).rounded()
      canvas.line(from: Point(x: x, y: plot.y), to: Point(x: x, y: plot.maxY), .slate, dashes: [4, 3])
    }
    for (index, row) in rows.enumerated() {
      let y = plot.y + (Double(index) + 0.5) * Self.rowHeight
      canvas.text(names[index], at: Point(x: plot.x - 10, y: y), PlotAxes.labelFont, anchor: .right)
      draw(row, at: y, on: canvas, place: axes.column)
    }
  }

  private func draw(_ row: Row, at y: Double, on canvas: Canvas, place: (Double) -> Double) {
    // Single values are faint where there is a mean of several to see.
    let isOne = row.values.count <= 1
    for value in row.values where value.isFinite {
      canvas.disc(at: Point(x: place(value), y: y), radius: isOne ? 5 : 3.5, row.color.opacity(isOne ? 1 : 0.4))
    }
    guard let mean = row.mean, !isOne else { return }
    if let deviation = row.deviation, deviation.isFinite {
      let low = place(mean - deviation), high = place(mean + deviation)
      canvas.line(from: Point(x: low, y: y), to: Point(x: high, y: y), row.color, lineWidth: 1.75)
      for x in [low, high] { canvas.line(from: Point(x: x, y: y - 4), to: Point(x: x, y: y + 4), row.color, lineWidth: 1.75) }
    }
    canvas.line(
      from: Point(x: place(mean), y: y - 8), to: Point(x: place(mean), y: y + 8), row.color, lineWidth: 3)
  }
}
