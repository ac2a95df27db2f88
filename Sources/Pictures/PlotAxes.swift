/// What plots look alike in: where the marks go in a frame, the title above, and the axes with grid and labels around.
struct PlotAxes {
  static let titleFont = Font(size: 15, bold: true)
  static let labelFont = Font(size: 12)
  static let tickFont = Font(size: 11)
  static let margin = 18.0

  let x: PlotAxis
  /// `nil` where names stand at the left side.
  let y: PlotAxis?
  let frame: Rectangle
  /// The part of the frame for the marks. Whole points, so that axes and grid fall on whole pixels and stay sharp.
  let plot: Rectangle

  /// - Parameters:
  ///   - head: points between the title and the plot, for a legend.
  ///   - x: the axis below a plot of so many points.
  init(_ y: PlotAxis, on canvas: Canvas, in frame: Rectangle, head: Double = 0, x: (_ width: Double) -> PlotAxis) {
    let widestTick = y.ticks.labels.map { canvas.width(of: $0, Self.tickFont) }.max() ?? 0
    let top = frame.y + Self.margin + 26 + head
    let left = (frame.x + Self.margin + 20 + widestTick + 8).rounded()
    plot = Rectangle(
      x: left, y: top.rounded(), width: (frame.maxX - Self.margin - 10 - left).rounded(),
      height: (frame.maxY - Self.margin - 36 - top).rounded())
    (self.x, self.y, self.frame) = (x(plot.width), y, frame)
  }

  /// Rows under each other, with `left` points for their names.
  init(rowsOf height: Double, names left: Double, in frame: Rectangle, x: PlotAxis) {
    let left = (frame.x + Self.margin + left + 14).rounded()
    plot = Rectangle(
      x: left, y: (frame.y + Self.margin + 26).rounded(), width: (frame.maxX - Self.margin - 10 - left).rounded(),
      height: height)
    (self.x, self.y, self.frame) = (x, nil, frame)
  }

  func column(_ value: Double) -> Double { plot.x + x.fraction(value) * plot.width }

  func row(_ value: Double) -> Double { plot.maxY - (y?.fraction(value) ?? 0) * plot.height }

  /// Where a point of the data stands on the canvas.
  func place(_ point: Point) -> Point { Point(x: column(point.x), y: row(point.y)) }

  /// Draws everything but the marks.
  func draw(on canvas: Canvas, title: String, xLabel: String, yLabel: String = "") {
    canvas.text(title, at: Point(x: frame.x + Self.margin, y: frame.y + Self.margin + 6), Self.titleFont)
    if let y { drawRows(y, on: canvas) }
    for (value, label) in zip(x.ticks.values, x.ticks.labels) {
      let x = column(value).rounded()
      canvas.line(from: Point(x: x, y: plot.y), to: Point(x: x, y: plot.maxY), .mist)
      canvas.line(from: Point(x: x, y: plot.maxY), to: Point(x: x, y: plot.maxY + 4), .slate)
      canvas.text(label, at: Point(x: x, y: plot.maxY + 14), Self.tickFont, .slate, anchor: .center)
    }
    // Above the grid, whose first line may lie on an axis.
    canvas.line(from: Point(x: plot.x, y: plot.maxY), to: Point(x: plot.maxX, y: plot.maxY), .slate)
    if y != nil { canvas.line(from: Point(x: plot.x, y: plot.y), to: Point(x: plot.x, y: plot.maxY), .slate) }
    canvas.text(xLabel, at: Point(x: plot.midX, y: plot.maxY + 36), Self.labelFont, anchor: .center)
    canvas.text(
      yLabel, at: Point(x: frame.x + Self.margin + 6, y: plot.midY), Self.labelFont, anchor: .center, upwards: true)
  }

  private func drawRows(_ y: PlotAxis, on canvas: Canvas) {
    func rule(_ value: Double, _ color: Color) {
      let y = row(value).rounded()
      canvas.line(from: Point(x: plot.x, y: y), to: Point(x: plot.maxX, y: y), color)
    }
    for value in y.ticks.minorValues { rule(value, .mist.opacity(0.5)) }
    for (value, label) in zip(y.ticks.values, y.ticks.labels) {
      rule(value, .mist)
      canvas.text(
        label, at: Point(x: plot.x - 8, y: row(value).rounded()), Self.tickFont, .slate, anchor: .right)
    }
  }
}
