import Pictures
import Testing

/// Points land where their numbers say, and their names do not lie on each other.
@Suite struct ScatterPlotTests {
  @Test func pointsLandWhereTheirNumbersSay() {
    let marks = [
      ScatterPlot.Mark("", at: Point(x: 0, y: 0), color: Color(0xFF0000)),
      ScatterPlot.Mark("", at: Point(x: 10, y: 5), color: Color(0x0000FF)),
    ]
    let canvas = Canvas(width: 400, height: 300, scale: 1)
    ScatterPlot(title: "t", xLabel: "x", yLabel: "y", marks: marks)
      .draw(on: canvas, in: Rectangle(x: 0, y: 0, width: 400, height: 300))
    let red = centre(of: Color(0xFF0000), in: canvas), blue = centre(of: Color(0x0000FF), in: canvas)
    // Axes reach 12 % of the spread beyond the points on either side where zero is no bound.
    #expect(blue.x - red.x > 200 && red.y - blue.y > 150, "\(red), \(blue)")
  }

  private func centre(of color: Color, in canvas: Canvas) -> Point {
    var sum = Point(x: 0, y: 0), count = 0.0
    for row in 0..<canvas.pixelHeight {
      for column in 0..<canvas.pixelWidth where canvas.color(column: column, row: row) == color {
        sum = Point(x: sum.x + Double(column), y: sum.y + Double(row))
        count += 1
      }
    }
    return Point(x: sum.x / count, y: sum.y / count)
  }

  @Test func namesFindFreePlaces() {
    let plot = Rectangle(x: 0, y: 0, width: 200, height: 200)
    var taken: [Rectangle] = []
    for _ in 0..<8 {
      let box = ScatterPlot.freeBox(beside: Point(x: 100, y: 100), width: 40, within: plot, avoiding: taken)
      #expect(!taken.contains { $0.x < box.maxX && box.x < $0.maxX && $0.y < box.maxY && box.y < $0.maxY })
      taken.append(box)
    }
    // At the right edge a name goes to the left of its point.
    let box = ScatterPlot.freeBox(beside: Point(x: 195, y: 100), width: 40, within: plot, avoiding: [])
    #expect(box.maxX == 185)
  }

  @Test func oddNumbersAreDrawnWithoutTrouble() throws {
    for value in [Double.nan, .infinity, 0, -1e300] {
      let canvas = Canvas(width: 400, height: 300, scale: 1)
      ScatterPlot(
        title: "", xLabel: "", yLabel: "",
        marks: [.init("a", at: Point(x: value, y: value), deviation: value, color: .ink)]
      ).draw(on: canvas, in: Rectangle(x: 0, y: 0, width: 400, height: 300))
      DotPlot(title: "", xLabel: "", rows: [.init("a", values: [value], mean: value, deviation: value, color: .ink)])
        .draw(on: canvas, in: Rectangle(x: 0, y: 0, width: 400, height: 300))
      #expect(try canvas.pngBytes().count > 100)
    }
  }
}
