import Foundation
import Pictures
import Testing

/// Curves land where their numbers say, whatever the numbers are.
@Suite struct LinePlotTests {
  private func plot(_ series: [PlotSeries], isLogarithmic: Bool = false) -> Canvas {
    LinePlot(
      title: "t", xLabel: "x", yLabel: "y", series: series, isLogarithmic: isLogarithmic, width: 300, height: 200
    ).rendered(scale: 1)
  }

  /// Rows of the pixels in one column that have a colour, give or take what smoothing mixes into an edge.
  private func rows(of color: Color, column: Int, in canvas: Canvas) -> [Int] {
    (50..<canvas.pixelHeight).filter { row in
      let found = canvas.color(column: column, row: row)
      return [found.red - color.red, found.green - color.green, found.blue - color.blue].allSatisfy { abs($0) < 0.3 }
    }
  }

  @Test func sizeIsPointsTimesScale() {
    let canvas = LinePlot(title: "", xLabel: "", yLabel: "", series: []).rendered(scale: 2)
    #expect(canvas.pixelWidth == 1440 && canvas.pixelHeight == 840)
  }

  @Test func risingLineRises() throws {
    let line = PlotSeries("", [Point(x: 0, y: 0), Point(x: 10, y: 1)], style: .marked)
    let falling = PlotSeries("", [Point(x: 0, y: 1), Point(x: 10, y: 0)], style: .marked)
    let canvas = plot([line, falling])
    let left = try #require(rows(of: Color.series[0], column: 80, in: canvas).first)
    let right = try #require(rows(of: Color.series[0], column: 250, in: canvas).first)
    #expect(right < left - 50)
    let leftOfFalling = try #require(rows(of: Color.series[1], column: 80, in: canvas).first)
    #expect(leftOfFalling < left - 50)
  }

  @Test func powersOfTenAreStraightOnALogarithmicAxis() throws {
    let points = (0...4).map { Point(x: Double($0), y: pow(10, Double($0))) }
    let canvas = plot([PlotSeries("", points, style: .marked)], isLogarithmic: true)
    let columns = [100, 160, 220]
    let heights = try columns.map { column in
      try #require(rows(of: Color.series[0], column: column, in: canvas).first)
    }
    #expect(abs((heights[0] - heights[1]) - (heights[1] - heights[2])) <= 3)
    #expect(heights[0] - heights[2] > 30)
  }

  @Test(
    arguments: [
      [], [Point(x: 3, y: 2)], [Point(x: 3, y: .nan)], [Point(x: 0, y: 1), Point(x: 1, y: .infinity)],
      [Point(x: 0, y: 5), Point(x: 9, y: 5)], [Point(x: 0, y: 0), Point(x: 0, y: 0)],
      [Point(x: 0, y: -1e300), Point(x: 1, y: 1e300)], [Point(x: 0, y: 1), Point(x: 1, y: 1 + 1e-16)],
      [Point(x: 0, y: -3), Point(x: 1, y: 0)], [Point(x: 0, y: 1e-90), Point(x: 1, y: 1e90)],
      [Point(x: .nan, y: 1), Point(x: .infinity, y: 2)],
    ] as [[Point]])
  func oddSeriesAreDrawnWithoutTrouble(points: [Point]) throws {
    for style in [PlotSeries.Style.line, .smoothed(weight: 0.9), .marked] {
      for isLogarithmic in [false, true] {
        let bytes = try plot([PlotSeries("odd", points, style: style)], isLogarithmic: isLogarithmic).pngBytes()
        #expect(sizeOfPNG(bytes) != nil)
      }
    }
  }

  @Test func valuesThatAreNotFiniteLeaveAGap() {
    let points = (0...100).map { Point(x: Double($0), y: 40...60 ~= $0 ? .nan : 1) }
    let canvas = plot([PlotSeries("", points)])
    let inked = (0..<300).filter { !rows(of: Color.series[0], column: $0, in: canvas).isEmpty }
    #expect(inked.contains(100) && !inked.contains(165) && inked.contains(250))
  }

  @Test func smoothingWeighsNeighboursOnBothSidesAndSkipsNaN() {
    let points = [1.0, 3, .nan, 7].enumerated().map { Point(x: Double($0.offset), y: $0.element) }
    let smoothed = PlotSeries.smoothed(points, weight: 0.5).map(\.y)
    #expect(abs(smoothed[0] - (1 + 0.5 * 3 + 0.25 * 7) / 1.75) < 1e-12)
    #expect(abs(smoothed[1] - (0.5 * 1 + 3 + 0.5 * 7) / 2) < 1e-12)
    #expect(smoothed[2].isNaN)
    #expect(abs(smoothed[3] - (0.25 * 1 + 0.5 * 3 + 7) / 1.75) < 1e-12)
    #expect(PlotSeries.smoothed(points, weight: 0).map(\.y)[1] == 3)
  }

  @Test func aMillionPointsKeepTheirPeak() throws {
    var points = (0..<1_000_000).map { Point(x: Double($0), y: 0) }
    points[500_003].y = 1
    let canvas = plot([PlotSeries("", points)])
    let column = try #require((60..<290).first { rows(of: Color.series[0], column: $0, in: canvas).count > 60 })
    #expect((160...172).contains(column))
  }

  /// Three names on a plot from 0.5 to 3.5: the first point stands a sixth of the way in, whatever the values.
  @Test func namedPlacesStandAtTheirNumbers() throws {
    let points = (1...3).map { Point(x: Double($0), y: Double($0)) }
    func columns(_ names: [String]) -> [Int] {
      let canvas = LinePlot(
        title: "", xLabel: "module", yLabel: "gate", series: [PlotSeries("", points, style: .marked)], xNames: names,
        width: 300, height: 200
      ).rendered(scale: 1)
      return (50..<300).filter { !rows(of: Color.series[0], column: $0, in: canvas).isEmpty }
    }
    let named = columns(["a", "b", "c"])
    let first = try #require(named.first), last = try #require(named.last)
    // Discs of 3.25 points stand around 1 and 3, two thirds of the axis apart.
    let axis = Double(last - first - 7) * 1.5
    #expect(abs(Double(272 - first - 4) - axis * 5 / 6) < 4, "\(first) \(last)")
    let many = columns((1...100).map { "a module with a long name \($0)" })
    #expect(try #require(many.last) < 75, "three of a hundred places, far to the left")
  }
}
