import Foundation
import Pictures

/// What a page has for a clip in place of one picture: its frames side by side.
extension ExplanationSheet {
  /// The most frames side by side.
  private static let frameColumns = 8

  /// The frames that are shown: all, or as many as go side by side, spread over the clip.
  package static func shownFrames(of count: Int) -> [Int] {
    let shown = min(count, frameColumns)
    return (0..<shown).map { $0 * count / shown }
  }

  private var shownFrames: [Int] { Self.shownFrames(of: explanation.frames.count) }
  private var frameSide: Double { PicturePanels(items: [], columns: Self.frameColumns).side(width: Self.content) }

  /// The frames with the share that the explained class has in each, the likeliest classes of the clip, and Grad-CAM.
  func clipAnswer(_ scale: Double) -> [Section] {
    let frames = explanation.frames, name = nameOfClass(explanation.label)
    let panels = PicturePanels(
      items: shownFrames.map { frame in
        let share = frames[frame].probabilities[explanation.label]
        return PicturePanels.Item(
          image: frames[frame].picture, name: "frame \(frame + 1)",
          note: share.isFinite ? String(format: "\(name.prefix(12)) %.0f %%", 100 * share) : "NaN")
      }, columns: Self.frameColumns)
    let listHeight = 134.0
    let all = frames.map(\.activation), largest = all.compactMap { $0.range?.upperBound }.max() ?? .nan
    let range = 0...(largest > 0 ? largest : 1)
    let note = "\(all[0].columns)×\(all[0].rows) places"
      + (largest > 0 ? ", 0 … \(NumberText.significant(Double(largest), digits: 2))" : "; none speaks for the class")
    return [
      section(title, "", panels),
      Section(height: listHeight) { canvas, y in
        drawClasses(on: canvas, in: Rectangle(x: Self.margin, y: y - 10, width: 392, height: listHeight))
        drawColors(
          "Colours of every map, or row of frames, from least to largest:", on: canvas, at: Point(x: 464, y: y))
      },
      section("Grad-CAM: “\(name)”", note, strip(all, scale, range: range)),
    ]
  }

  /// A row of frames for each module, with the same colours for the same numbers in all of its frames: those whose
  /// centre has nothing to look at stay dull beside the others.
  func strips(_ group: ModuleFigures.Strips, _ scale: Double) -> Section {
    let items = group.items.flatMap { name, maps in
      let ranges = maps.compactMap(\.range)
      let low = ranges.map(\.lowerBound).min() ?? 0, high = ranges.map(\.upperBound).max() ?? 1
      var row = strip(maps, scale, range: low...high).items
      row[0].note = name
      row[row.count - 1].note = "largest \(NumberText.significant(Double(high), digits: 2))"
      return row
    }
    let panels = PicturePanels(items: items, columns: shownFrames.count)
    // Short clips keep the size of frames and the rows of modules.
    return section(
      group.title, group.note, panels,
      width: Double(shownFrames.count) * (frameSide + panels.gap) - panels.gap)
  }

  private func strip(_ maps: [HeatMap], _ scale: Double, range: ClosedRange<Float>) -> PicturePanels {
    PicturePanels(
      items: shownFrames.map { frame in
        PicturePanels.Item(
          image: overlay(maps[frame], frame: frame, side: frameSide, scale, range: range), name: "frame \(frame + 1)")
      }, columns: Self.frameColumns)
  }

  /// Squares of a row for each frame that attends and a column for each that is attended to.
  func frameAttention(_ group: ModuleFigures.Maps) -> Section {
    let left = 22.0, top = 16.0, gap = 14.0, captionHeight = 34.0
    let columns = group.items.count > 4 ? ModuleFigures.mapColumns : 4
    let cell = (Self.content + gap) / Double(columns), side = (cell - gap - left).rounded(.down)
    let note = "a row for each frame that attends, a column for each that it attends to"
      + (group.note.isEmpty ? "" : "; \(group.note)")
    return Section(height: Self.headingHeight + top + side + captionHeight + 24) { canvas, y in
      drawHeading(group.title, note, on: canvas, y: y)
      for (index, item) in group.items.enumerated() {
        let x = Self.margin + Double(index) * cell + left, y = y + Self.headingHeight + top
        let frame = Rectangle(x: x, y: y, width: side, height: side)
        let frames = item.map.rows, step = side / Double(frames)
        canvas.draw(item.map.colors, in: frame, smooth: false)
        for number in Self.shownFrames(of: frames) {
          let middle = (Double(number) + 0.5) * step
          canvas.text(
            "\(number + 1)", at: Point(x: x - 5, y: y + middle), Self.tickFont, .slate, anchor: .right)
          canvas.text("\(number + 1)", at: Point(x: x + middle, y: y - 8), Self.tickFont, .slate, anchor: .center)
        }
        canvas.text(
          canvas.shortened(item.name, toFit: side, Self.nameFont), at: Point(x: x, y: frame.maxY + 12), Self.nameFont)
        if let range = item.map.range {
          let ends = [range.lowerBound, range.upperBound].map { NumberText.fixed(Double($0), decimals: 3) }
          canvas.text(
            ends.joined(separator: " … "), at: Point(x: x, y: frame.maxY + 26), Self.tickFont, .slate)
        }
      }
    }
  }

  private static let nameFont = Font(size: 10.5, bold: true)
  private static let tickFont = Font(size: 10)
}
