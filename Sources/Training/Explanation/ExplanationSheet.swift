import Foundation
import Pictures

/// One page that explains a network's answer for one picture or clip: Grad-CAM and the likeliest classes, the maps of
/// its modules by depth, their channel gates and their weights as curves.
public struct ExplanationSheet {
  /// What stands above the page: the picture's name.
  public let title: String
  public let explanation: Explanation
  let nameOfClass: (Int) -> String
  /// What is true, where somebody knows.
  private let truth: Int?

  public init(
    title: String, _ explanation: Explanation, truth: Int? = nil, nameOfClass: @escaping (Int) -> String
  ) {
    self.title = title
    self.explanation = explanation
    self.truth = truth
    self.nameOfClass = nameOfClass
  }

  /// What a picture is called, or a clip by its first frame.
  public static func name(ofClip first: String, frames: Int) -> String {
    frames > 1 ? "\(first), and the \(frames - 1) after it" : first
  }

  static let width = 880.0
  static let margin = 24.0
  static let content = width - 2 * margin
  static let headingFont = Font(size: 15, bold: true)
  static let textFont = Font(size: 11.5)
  static let headingHeight = 34.0
  /// A plot keeps a margin of 18 points to its title: plots stick out by that, so that the titles stand in line.
  private static let plotMargin = 18.0
  private static let plotHeight = 282.0

  /// A part of the page, drawn from a height on.
  struct Section {
    let height: Double
    let draw: (_ canvas: Canvas, _ y: Double) -> Void
  }

  /// Draws the page.
  /// - Parameter scale: pixels a point; 2 suits print.
  public func rendered(scale: Double = 2) -> Canvas {
    let modules = ModuleFigures(explanation.observations)
    var sections = explanation.frames.count > 1 ? clipAnswer(scale) : [answer(scale)]
    for group in modules.maps { sections.append(maps(group, scale)) }
    for group in modules.strips { sections.append(strips(group, scale)) }
    if let group = modules.frameAttention { sections.append(frameAttention(group)) }
    let plots = modules.plots
    for start in stride(from: 0, to: plots.count, by: 2) {
      sections.append(pair(Array(plots[start..<min(start + 2, plots.count)])))
    }
    // Every part ends with a gap of its own.
    let height = sections.reduce(Self.margin + 4) { $0 + $1.height }
    let canvas = Canvas(width: Self.width, height: height, scale: scale)
    var y = Self.margin
    for section in sections {
      section.draw(canvas, y)
      y += section.height
    }
    return canvas
  }

  /// The picture, Grad-CAM over it, and the likeliest classes.
  private func answer(_ scale: Double) -> Section {
    let size = PicturePanels(items: [], columns: 4), side = size.side(width: Self.content)
    let picture = explanation.frames[0].picture, map = explanation.frames[0].activation
    let largest = map.range?.upperBound ?? .nan
    let range = 0...(largest > 0 ? largest : 1)
    let items = [
      PicturePanels.Item(
        image: picture, name: "as the network is shown it", note: "\(picture.width)×\(picture.height) pixels"),
      PicturePanels.Item(
        image: overlay(map, side: side, scale, range: range), name: "Grad-CAM: “\(nameOfClass(explanation.label))”",
        note: "\(map.columns)×\(map.rows) places"
          + (largest > 0
            ? ", 0 … \(NumberText.significant(Double(largest), digits: 2))" : "; none speaks for the class")),
    ]
    let panels = PicturePanels(items: items, columns: 4)
    let height = Self.headingHeight + panels.height(width: Self.content) + 24
    return Section(height: height) { canvas, y in
      canvas.text(
        canvas.shortened(title, toFit: Self.content, Self.headingFont), at: Point(x: Self.margin, y: y + 8),
        Self.headingFont)
      let top = y + Self.headingHeight, x = Self.margin + 2 * (side + panels.gap) + 18
      panels.draw(on: canvas, at: Point(x: Self.margin, y: top), width: Self.content)
      drawClasses(on: canvas, in: Rectangle(x: x, y: top, width: Self.width - Self.margin - x, height: side))
      drawColors(
        "Colours of every map, from its least to its largest number:", on: canvas, at: Point(x: x, y: top + side - 44))
    }
  }

  func drawColors(_ sentence: String, on canvas: Canvas, at place: Point) {
    let bar = Rectangle(
      x: (place.x + canvas.width(of: "least", Self.textFont) + 6).rounded(), y: place.y + 18, width: 180, height: 10)
    canvas.text(sentence, at: place, Self.textFont, .slate)
    canvas.colorBar(in: bar, low: "least", high: "largest", Self.textFont)
  }

  func drawClasses(on canvas: Canvas, in frame: Rectangle) {
    let probabilities = explanation.probabilities
    for (row, label) in Self.listed(probabilities, explained: explanation.label).enumerated() {
      let y = frame.y + 10 + Double(row) * 24, share = probabilities[label]
      let font = Font(size: 11.5, bold: label == explanation.label)
      // Colour alone would leave out who cannot tell red from green.
      let mark = truth.map { $0 == label ? "✓ " : "" } ?? ""
      let color: Color = truth.map { $0 == label ? .correct : row == 0 ? .wrong : .slate } ?? .series[0]
      canvas.text(canvas.shortened(mark + nameOfClass(label), toFit: 126, font), at: Point(x: frame.x, y: y), font)
      let bar = Rectangle(x: frame.x + 134, y: y - 4, width: frame.width - 134 - 52, height: 8)
      canvas.fill(bar, .mist, cornerRadius: 4)
      if share > 0 {
        canvas.clipped(to: Rectangle(x: bar.x, y: bar.y, width: bar.width * min(share, 1), height: bar.height)) {
          canvas.fill(bar, color, cornerRadius: 4)
        }
      }
      let percent = share.isFinite ? String(format: "%.1f %%", 100 * share) : "NaN"
      canvas.text(percent, at: Point(x: frame.maxX, y: y), Self.textFont, .slate, anchor: .right)
    }
  }

  /// The five likeliest classes, of which the explained one is always one.
  package static func listed(_ probabilities: [Double], explained: Int) -> [Int] {
    let ranking = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }.prefix(5)
    return ranking.contains(explained) ? Array(ranking) : ranking.dropLast() + [explained]
  }

  private func maps(_ group: ModuleFigures.Maps, _ scale: Double) -> Section {
    let side = PicturePanels(items: [], columns: ModuleFigures.mapColumns).side(width: Self.content)
    let items = group.items.map { name, map in
      PicturePanels.Item(
        image: overlay(map, side: side, scale), name: name,
        note: "\(map.columns)×\(map.rows)" + (map.range.map { ", " + group.rangeNote($0) } ?? ""))
    }
    let panels = PicturePanels(items: items, columns: ModuleFigures.mapColumns)
    return section(group.title, group.note, panels)
  }

  /// Panels under a heading.
  func section(_ title: String, _ note: String, _ panels: PicturePanels, width: Double = content) -> Section {
    Section(height: Self.headingHeight + panels.height(width: width) + 24) { canvas, y in
      drawHeading(title, note, on: canvas, y: y)
      panels.draw(on: canvas, at: Point(x: Self.margin, y: y + Self.headingHeight), width: width)
    }
  }

  func drawHeading(_ title: String, _ note: String, on canvas: Canvas, y: Double) {
    let short = canvas.shortened(title, toFit: Self.content, Self.headingFont)
    let x = Self.margin + canvas.width(of: short, Self.headingFont) + 12
    canvas.text(short, at: Point(x: Self.margin, y: y + 8), Self.headingFont)
    canvas.text(
      canvas.shortened(note, toFit: Self.width - Self.margin - x, Self.textFont), at: Point(x: x, y: y + 8),
      Self.textFont, .slate)
  }

  private func pair(_ plots: [LinePlot]) -> Section {
    Section(height: Self.plotHeight) { canvas, y in
      let width = (Self.content + 2 * Self.plotMargin) / 2
      for (index, plot) in plots.enumerated() {
        plot.draw(
          on: canvas,
          in: Rectangle(
            x: Self.margin - Self.plotMargin + Double(index) * width, y: y - Self.plotMargin, width: width,
            height: Self.plotHeight))
      }
    }
  }

  /// - Parameter frame: of a clip, the one that is under the map.
  func overlay(
    _ map: HeatMap, frame: Int = 0, side: Double, _ scale: Double, range: ClosedRange<Float>? = nil
  ) -> PixelImage {
    let picture = explanation.frames[frame].picture
    let magnification = side * scale / Double(max(picture.width, picture.height))
    func pixels(_ extent: Int) -> Int { max(1, Int((Double(extent) * magnification).rounded())) }
    return map.overlaid(on: picture, width: pixels(picture.width), height: pixels(picture.height), range: range)
  }
}
