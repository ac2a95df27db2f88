/// Named points over two axes, such as accuracy over speed: what a choice gains and what it costs.
public struct ScatterPlot: Hashable, Sendable {
  /// One point.
  public struct Mark: Hashable, Sendable {
    public var name: String
    public var at: Point
    /// Half the length of an upright whisker through the point; `nil` for none.
    public var deviation: Double?
    public var color: Color

    public init(_ name: String, at point: Point, deviation: Double? = nil, color: Color) {
      self.name = name
      self.at = point
      self.deviation = deviation
      self.color = color
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var marks: [Mark]

  public init(title: String, xLabel: String, yLabel: String, marks: [Mark]) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.marks = marks
  }

  private static let titleFont = Font(size: 15, bold: true)
  private static let labelFont = Font(size: 12)
  private static let tickFont = Font(size: 11)
  private static let margin = 18.0

  /// Draws the plot into a part of a canvas.
  public func draw(on canvas: Canvas, in frame: Rectangle) {
    let shown = marks.filter { $0.at.x.isFinite && $0.at.y.isFinite }
    let xAxis = PlotAxis(
      covering: shown.map(\.at.x), padding: 0.12, isLogarithmic: false, atMostTicks: max(3, Int(frame.width / 80)))
    let yAxis = PlotAxis(
      covering: shown.flatMap { [$0.at.y - ($0.deviation ?? 0), $0.at.y + ($0.deviation ?? 0)] }, padding: 0.12,
      isLogarithmic: false, atMostTicks: max(3, Int(frame.height / 55)))
    let tickWidth = yAxis.ticks.labels.map { canvas.width(of: $0, Self.tickFont) }.max() ?? 0
    let left = (frame.x + Self.margin + 20 + tickWidth + 8).rounded(), top = (frame.y + Self.margin + 26).rounded()
    let plot = Rectangle(
      x: left, y: top, width: (frame.maxX - Self.margin - 10 - left).rounded(),
      height: (frame.maxY - Self.margin - 36 - top).rounded())
    func column(_ x: Double) -> Double { plot.x + xAxis.fraction(x) * plot.width }
    func row(_ y: Double) -> Double { plot.maxY - yAxis.fraction(y) * plot.height }

    canvas.text(title, at: Point(x: frame.x + Self.margin, y: frame.y + Self.margin + 6), Self.titleFont)
    for (value, label) in zip(xAxis.ticks.values, xAxis.ticks.labels) {
      let x = column(value).rounded()
      canvas.line(from: Point(x: x, y: plot.y), to: Point(x: x, y: plot.maxY), .mist)
      canvas.text(label, at: Point(x: x, y: plot.maxY + 14), Self.tickFont, .slate, anchor: .center)
    }
    for (value, label) in zip(yAxis.ticks.values, yAxis.ticks.labels) {
      let y = row(value).rounded()
      canvas.line(from: Point(x: plot.x, y: y), to: Point(x: plot.maxX, y: y), .mist)
      canvas.text(label, at: Point(x: plot.x - 8, y: y), Self.tickFont, .slate, anchor: .right)
    }
    canvas.line(from: Point(x: plot.x, y: plot.maxY), to: Point(x: plot.maxX, y: plot.maxY), .slate)
    canvas.line(from: Point(x: plot.x, y: plot.y), to: Point(x: plot.x, y: plot.maxY), .slate)
    canvas.text(xLabel, at: Point(x: plot.midX, y: plot.maxY + 36), Self.labelFont, anchor: .center)
    canvas.text(
      yLabel, at: Point(x: frame.x + Self.margin + 6, y: plot.midY), Self.labelFont, anchor: .center, upwards: true)

    let places = shown.map { Point(x: column($0.at.x), y: row($0.at.y)) }
    for (mark, place) in zip(shown, places) {
      if let deviation = mark.deviation, deviation > 0 {
        let low = row(mark.at.y - deviation), high = row(mark.at.y + deviation)
        canvas.line(
          from: Point(x: place.x, y: low), to: Point(x: place.x, y: high), mark.color.opacity(0.6), lineWidth: 1.5)
      }
      canvas.disc(at: place, radius: 5.5, mark.color)
    }
    var taken = places.map { Rectangle(x: $0.x - 7, y: $0.y - 7, width: 14, height: 14) }
    for (mark, place) in zip(shown, places) {
      let box = Self.freeBox(
        beside: place, width: canvas.width(of: mark.name, Self.labelFont), within: plot, avoiding: taken)
      taken.append(box)
      canvas.text(mark.name, at: Point(x: box.x, y: box.midY), Self.labelFont)
    }
  }

  /// Where a name goes: right of its point, else left, above, below, or farther away, the first place that is free.
  package static func freeBox(
    beside place: Point, width: Double, within plot: Rectangle, avoiding taken: [Rectangle]
  ) -> Rectangle {
    let height = 14.0
    let corners = [0.0, 15, 30, 45].flatMap { far in
      [
        Point(x: place.x + 10, y: place.y - height / 2 - far), Point(x: place.x + 10, y: place.y - height / 2 + far),
        Point(x: place.x - 10 - width, y: place.y - height / 2 - far),
        Point(x: place.x - 10 - width, y: place.y - height / 2 + far),
        Point(x: place.x - width / 2, y: place.y - 10 - height - far),
        Point(x: place.x - width / 2, y: place.y + 10 + far),
      ]
    }
    let boxes = corners.map { Rectangle(x: $0.x, y: $0.y, width: width, height: height) }
    return boxes.first { box in
      box.x >= plot.x && box.maxX <= plot.maxX + 10 && box.y >= plot.y && box.maxY <= plot.maxY
        && !taken.contains { $0.x < box.maxX && box.x < $0.maxX && $0.y < box.maxY && box.y < $0.maxY }
    } ?? boxes[0]
  }
}
