import Pictures
import Testing
import Training

/// A page has what the network shows, of deep networks a part, and is drawn whatever the numbers are.
@Suite struct ExplanationSheetTests {
  private func explanation(_ observations: [Observation], logits: [Float] = [2, 1, 0]) -> Explanation {
    Explanation(
      label: 0,
      frames: [
        Explanation.Frame(
          picture: PixelImage(width: 4, height: 3, channels: 1, pixels: Array(0..<12)),
          activation: HeatMap(rows: 1, columns: 2, values: [0, 1]), logits: logits)
      ], observations: observations)
  }

  private func channels(_ path: String, _ values: [Float]) -> Observation {
    Observation(path: path, content: .channels(values))
  }

  @Test func `Of a deep network the ends of each size are shown`() {
    let sizes = [[8], [8], [8], [16], [16], [32], [32], [32]]
    #expect(ModuleFigures.shown(sizes, atMost: 8) == Array(0..<8))
    #expect(ModuleFigures.shown(sizes, atMost: 6) == [0, 2, 3, 4, 5, 7])
    #expect(ModuleFigures.shown(sizes, atMost: 4) == [2, 4, 7])
    #expect(ModuleFigures.shown((0..<10).map { [$0] }, atMost: 5) == [1, 3, 5, 7, 9])
    let deep = (0..<50).map { channels("layer\($0 / 10).\($0 % 10).se", [Float](repeating: 0, count: 1 << ($0 / 10))) }
    let plots = ModuleFigures(deep).plots
    #expect(plots.map(\.title) == ["Channel gates (se), 5 of 50", "Channel gates by depth"])
    #expect(plots[0].series.map(\.name).first == "layer0.9 (1)" && plots[1].series[0].points.count == 50)
  }

  @Test func `The explained class is listed, however unlikely`() {
    let probabilities = [0.1, 0.3, 0, 0.2, 0.15, 0.05, 0.2]
    #expect(ExplanationSheet.listed(probabilities, explained: 1) == [1, 3, 6, 4, 0])
    #expect(ExplanationSheet.listed(probabilities, explained: 2) == [1, 3, 6, 4, 2])
    #expect(ExplanationSheet.listed([1, 0], explained: 1) == [0, 1])
  }

  @Test func `Paths lose what all of them end with`() {
    let paths = ShortPaths(["layer1.0.cbam.SpatialGate", "layer2.1.cbam.SpatialGate"])
    #expect(paths.names == ["layer1.0", "layer2.1"] && paths.suffix == " (cbam.SpatialGate)")
    let alike = ShortPaths(["layer1.0", "layer2.0"])
    #expect(alike.names == ["layer1", "layer2"] && alike.suffix == " (0)")
    let lone = ShortPaths(["nl3"])
    #expect(lone.names == ["nl3"] && lone.suffix == "")
    #expect(ShortPaths(["layer1.0.se"]).names == ["layer1.0"])
    let halves = ShortPaths(["layer1.0.ca, rows", "layer1.0.ca, columns", "layer2.1.ca, rows"])
    #expect(halves.names == ["layer1.0, rows", "layer1.0, columns", "layer2.1, rows"] && halves.suffix == " (ca)")
  }

  @Test func `Quantiles and sorted gates are the gates'`() {
    let figures = ModuleFigures([channels("a.se", (0..<10).map { Float($0) }), channels("b.se", [5])])
    let plots = figures.plots
    #expect(plots[0].series[0].points.map(\.y) == (0..<10).reversed().map { Double($0) })
    #expect(plots[0].series[0].points.map(\.x).first == 0 && plots[0].series[0].points.map(\.x).last == 100)
    #expect(plots[1].series.map { $0.points.map(\.y) } == [[8, 5], [4, 5], [0, 5]])
    #expect(plots[1].xNames == ["a", "b"])
  }

  @Test func `Weights and factors by depth, each title a plot`() {
    func parts(_ path: String, _ title: String, _ values: [Float], _ areTrained: Bool) -> Observation {
      Observation(
        path: path, content: .parts(title: title, names: ["x", "y"], values: values, areTrained: areTrained))
    }
    let plots = ModuleFigures([
      parts("l1.cat", "branch weights", [0.2, 0.8], false), parts("l1.cat", "channel factors", [1, 2], true),
      parts("l2.cat", "branch weights", [0.3, 0.7], false),
    ]).plots
    #expect(plots.map(\.title) == ["Branch weights (cat)", "Channel factors (cat)"])
    #expect(plots[0].series.map { $0.points.map { Float($0.y) } } == [[0.2, 0.3], [0.8, 0.7]])
    #expect(plots.map(\.yLabel) == ["weight", "factor"])
  }

  @Test func `A page grows by what it has to show`() {
    func page(_ observations: [Observation]) -> Canvas {
      ExplanationSheet(title: "t", explanation(observations), truth: 1, nameOfClass: { "class \($0)" })
        .rendered(scale: 1)
    }
    let map = HeatMap(rows: 2, columns: 2, values: [0, 1, 2, 3])
    let bare = page([])
    let mapped = page([Observation(path: "a.cbam", content: .places(map))])
    let plotted = page([channels("a.se", [1, 2])])
    #expect(bare.pixelWidth == 880 && mapped.pixelHeight > bare.pixelHeight + 127)
    #expect(plotted.pixelHeight == bare.pixelHeight + 282)
    // The centre of Grad-CAM's right half is the largest number: yellow over the picture's grey.
    let color = mapped.color(column: 235 + 150, row: 24 + 34 + 98)
    #expect(color.red > 0.5 && color.green > 0.5 && color.blue < 0.3, "\(color)")
  }

  @Test func `A clip's attention has rows of frames, squares of frames, and curves`() {
    let maps = (0..<4).map { HeatMap(rows: 1, columns: 1, values: [Float($0)]) }
    let square = HeatMap(rows: 4, columns: 4, values: (0..<16).map { Float($0) })
    let figures = ModuleFigures(
      (0..<5).flatMap { block -> [Observation] in
        [
          Observation(path: "layer3.\(block).nl", content: .clipAttention(maps, isOfMiddleFrame: true)),
          Observation(path: "layer3.\(block).nl", content: .frameAttention(square)),
          Observation(path: "layer3.\(block).nl", content: .frames([Float(block), 1, 2, 3])),
        ]
      })
    #expect(figures.strips.map(\.title) == ["Attention of the centre of frame 3 (nl)"])
    #expect(figures.strips[0].items.map(\.name) == ["layer3.0", "layer3.4"])
    #expect(figures.strips[0].note == "2 of 5 modules")
    #expect(figures.frameAttention?.items.count == 5 && figures.maps.isEmpty)
    let plot = figures.plots[0]
    #expect(plot.title == "Gates of the frames (nl)" && plot.xNames == ["1", "2", "3", "4"])
    #expect(plot.series[4].points.map(\.y) == [4, 1, 2, 3])
    #expect(ExplanationSheet.shownFrames(of: 3) == [0, 1, 2])
    #expect(ExplanationSheet.shownFrames(of: 16) == [0, 2, 4, 6, 8, 10, 12, 14])
  }

  @Test func `Odd numbers and names are drawn without trouble`() throws {
    let long = String(repeating: "Hippopotamus amphibius. ", count: 20)
    let wild: [Float] = [.nan, .infinity, -.infinity, 0, 1e38]
    let map = HeatMap(rows: 1, columns: 5, values: wild)
    let observations = [
      channels(long, wild), channels("", []), channels("a", [.nan]), Observation(path: long, content: .places(map)),
      Observation(path: ".", content: .attention(map, isOfCentre: true)),
      Observation(path: "p", content: .parts(title: "", names: [], values: [], areTrained: true)),
      Observation(path: "p", content: .parts(title: long, names: [long], values: [.nan], areTrained: false)),
    ]
    var odd = explanation(observations, logits: [.nan])
    let picture = odd.frames[0].picture, frame = Explanation.Frame(picture: picture, activation: map, logits: [.nan])
    for count in [1, 2, 5, 11] {
      let clip = HeatMap(rows: count, columns: count, values: (0..<count * count).map { wild[$0 % 5] })
      let ofClip: [Observation] = count == 1 ? [] : [
        Observation(path: long, content: .frameAttention(clip)), Observation(path: "", content: .frames(wild)),
        Observation(
          path: long,
          content: .clipAttention([HeatMap](repeating: map, count: count), isOfMiddleFrame: count == 2)),
      ]
      odd = Explanation(
        label: 0, frames: [Explanation.Frame](repeating: frame, count: count), observations: observations + ofClip)
      let sheet = ExplanationSheet(title: long, odd, nameOfClass: { _ in long })
      #expect(try !sheet.rendered(scale: 1).pngBytes().isEmpty)
    }
  }
}
