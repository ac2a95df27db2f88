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

  /// Draws the plot into a part of a canvas.
  public func draw(on canvas: Canvas, in frame: Rectangle) {
    let shown = marks.filter { $0.at.x.isFinite && $0.at.y.isFinite }
    let yAxis = PlotAxis(
      covering: shown.flatMap { [$0.at.y - ($0.deviation ?? 0), $0.at.y + ($0.deviation ?? 0)] }, padding: 0.12,
      isLogarithmic: false, atMostTicks: max(3, Int(frame.height / 55)))
    let axes = PlotAxes(yAxis, on: canvas, in: frame) { _ in
      PlotAxis(
        covering: shown.map(\.at.x), padding: 0.12, isLogarithmic: false, atMostTicks: max(3, Int(frame.width / 80)))
    }
    axes.draw(on: canvas, title: title, xLabel: xLabel, yLabel: yLabel)

    let places = shown.map { axes.place($0.at) }
    for (mark, place) in zip(shown, places) {
      if let deviation = mark.deviation, deviation > 0 {
        let low = axes.row(mark.at.y - deviation), high = axes.row(mark.at.y + deviation)
        canvas.line(
          from: Point(x: place.x, y: low), to: Point(x: place.x, y: high), mark.color.opacity(0.6), lineWidth: 1.5)
      }
      canvas.disc(at: place, radius: 5.5, mark.color)
    }
    var taken = places.map { Rectangle(x: $0.x - 7, y: $0.y - 7, width: 14, height: 14) }
    for (mark, place) in zip(shown, places) {
      let box = Self.freeBox(
        beside: place, width: canvas.width(of: mark.name, PlotAxes.labelFont), within: axes.plot, avoiding: taken)
      taken.append(box)
      canvas.text(mark.name, at: Point(x: box.x, y: box.midY), PlotAxes.labelFont)
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
