/// A plot of curves over a common horizontal axis, as a paper would print it: loss over steps, accuracy over epochs.
public struct LinePlot: Hashable, Sendable {
  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var series: [PlotSeries]
  /// Shows powers of ten at equal distances along y; values that are not positive are left out.
  public var isLogarithmic: Bool
  /// What stands at the places 1, 2, … along x, for curves over things instead of a quantity; empty for numbers.
  public var xNames: [String]
  /// Points across and down.
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, series: [PlotSeries], isLogarithmic: Bool = false,
    xNames: [String] = [], width: Double = 720, height: Double = 420
  ) {
    precondition(width >= 200 && height >= 150, "a plot of \(width)x\(height) points, wanted 200x150 at least")
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.isLogarithmic = isLogarithmic
    self.xNames = xNames
    self.width = width
    self.height = height
  }

  private static let rowHeight = 20.0

  /// Draws the plot on a canvas of its own.
  /// - Parameter scale: pixels a point; 2 suits print.
  public func rendered(scale: Double = 2) -> Canvas {
    let canvas = Canvas(width: width, height: height, scale: scale)
    draw(on: canvas, in: Rectangle(x: 0, y: 0, width: width, height: height))
    return canvas
  }

  /// Draws the plot into a part of a canvas, so that several can share one picture.
  public func draw(on canvas: Canvas, in frame: Rectangle) {
    let points = series.flatMap(\.points).filter(shows)
    let yAxis = PlotAxis(
      covering: points.map(\.y), padding: 0.05, isLogarithmic: isLogarithmic,
      atMostTicks: max(3, Int(frame.height / 55)))
    let legend = legendRows(on: canvas, width: frame.width - 2 * PlotAxes.margin)
    let axes = PlotAxes(yAxis, on: canvas, in: frame, head: Double(legend.count) * Self.rowHeight) { width in
      xAxis(points.map(\.x), on: canvas, width: width, in: frame)
    }
    axes.draw(on: canvas, title: title, xLabel: xLabel, yLabel: yLabel)
    drawLegend(legend, on: canvas, in: frame)
    if points.isEmpty {
      canvas.text(
        "no finite values yet", at: Point(x: axes.plot.midX, y: axes.plot.midY), PlotAxes.labelFont, .slate,
        anchor: .center)
    }
    // Half a marker of room, else the first and the last point of a curve are cut in two.
    canvas.clipped(to: axes.plot.inset(by: -5)) {
      for (index, curve) in series.enumerated() { draw(curve, color(index), on: canvas, place: axes.place) }
    }
  }

  private func xAxis(_ xs: [Double], on canvas: Canvas, width: Double, in frame: Rectangle) -> PlotAxis {
    if !xNames.isEmpty {
      let widest = xNames.map { canvas.width(of: $0, PlotAxes.tickFont) }.max() ?? 0
      return PlotAxis(names: xNames, atMostTicks: Int(width / (widest + 12)))
    }
    // Curves that begin near zero, such as one point an epoch, are read from zero on.
    let beginsNearZero = (xs.min() ?? -1) >= 0 && xs.min()! < xs.max()! / 4
    return PlotAxis(
      covering: beginsNearZero ? xs + [0] : xs, padding: 0, isLogarithmic: false,
      atMostTicks: max(3, Int(frame.width / 80)))
  }

  private func shows(_ point: Point) -> Bool {
    PlotAxis.shows(point.x, isLogarithmic: false) && PlotAxis.shows(point.y, isLogarithmic: isLogarithmic)
  }

  private func color(_ index: Int) -> Color { Color.series[index % Color.series.count] }

  private func draw(_ curve: PlotSeries, _ color: Color, on canvas: Canvas, place: (Point) -> Point) {
    switch curve.style {
    case .line:
      drawLine(curve.points, color, lineWidth: 1.75, on: canvas, place: place)
    case .smoothed(let weight):
      drawLine(curve.points, color.opacity(0.22), lineWidth: 1, on: canvas, place: place)
      drawLine(
        PlotSeries.smoothed(curve.points, weight: weight), color, lineWidth: 1.75, on: canvas, place: place)
    case .marked:
      drawLine(curve.points, color, lineWidth: 1.5, on: canvas, place: place)
      for point in curve.points where shows(point) {
        canvas.disc(at: place(point), radius: 4.5, .white)
        canvas.disc(at: place(point), radius: 3.25, color)
      }
    }
  }

  /// Draws the stretches between the gaps.
  private func drawLine(
    _ points: [Point], _ color: Color, lineWidth: Double, on canvas: Canvas, place: (Point) -> Point
  ) {
    for stretch in points.split(whereSeparator: { !shows($0) }) {
      let line = thinned(stretch.map(place), columnWidth: 1 / canvas.scale)
      canvas.polyline(line, color, lineWidth: line.count == 1 ? max(lineWidth, 5) : lineWidth)
    }
  }

  /// The series' indices in the order of the legend, broken into rows that fit.
  private func legendRows(on canvas: Canvas, width: Double) -> [[(index: Int, x: Double)]] {
    var rows: [[(index: Int, x: Double)]] = []
    var x = 0.0
    for (index, curve) in series.enumerated() where !curve.name.isEmpty {
      let itemWidth = 26 + canvas.width(of: curve.name, PlotAxes.labelFont) + 18
      if rows.isEmpty || x + itemWidth > width {
        rows.append([])
        x = 0
      }
      rows[rows.count - 1].append((index, x))
      x += itemWidth
    }
    return rows
  }

  private func drawLegend(_ rows: [[(index: Int, x: Double)]], on canvas: Canvas, in frame: Rectangle) {
    for (number, row) in rows.enumerated() {
      let y = frame.y + PlotAxes.margin + 28 + Double(number) * Self.rowHeight
      for (index, offset) in row {
        let x = frame.x + PlotAxes.margin + offset
        canvas.line(from: Point(x: x, y: y), to: Point(x: x + 20, y: y), color(index), lineWidth: 2)
        if series[index].style == .marked { canvas.disc(at: Point(x: x + 10, y: y), radius: 3.25, color(index)) }
        canvas.text(series[index].name, at: Point(x: x + 26, y: y), PlotAxes.labelFont)
      }
    }
  }
}
