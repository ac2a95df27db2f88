/// A page of pictures, each with what the network says and, where known, what is true.
public struct LabelledPictures: Hashable, Sendable {
  /// One picture of the page.
  public struct Item: Hashable, Sendable {
    public var image: PixelImage
    /// The name of the class found most probable.
    public var predicted: String
    /// The name of the right class; `nil` where nobody knows it.
    public var truth: String?
    /// Of the predicted class, 0...1.
    public var probability: Double

    public init(image: PixelImage, predicted: String, truth: String? = nil, probability: Double) {
      self.image = image
      self.predicted = predicted
      self.truth = truth
      self.probability = probability
    }
  }

  /// Stands above the pictures; an empty one takes no room.
  public var title: String
  public var items: [Item]
  /// Pictures in a row.
  public var columns: Int
  /// Points of a picture's longer side.
  public var side: Double

  public init(title: String = "", items: [Item], columns: Int = 6, side: Double = 128) {
    precondition(columns > 0, "\(columns) columns")
    precondition(side >= 48, "pictures of \(side) points, wanted 48 at least")
    self.title = title
    self.items = items
    self.columns = columns
    self.side = side
  }

  private static let margin = 20.0
  private static let gap = 16.0
  private static let captionHeight = 50.0

  /// Draws the page.
  /// - Parameter scale: pixels a point; 2 suits print.
  public func rendered(scale: Double = 2) -> Canvas {
    let across = max(1, min(columns, items.count)), down = (items.count + across - 1) / across
    let cellHeight = side + Self.captionHeight
    let header = title.isEmpty ? 0 : 28.0
    // A single narrow picture still leaves room for a title.
    let titleWidth = title.isEmpty ? 0 : 2 * Self.margin + 9.5 * Double(title.count)
    let width = max(titleWidth, 2 * Self.margin + Double(across) * (side + Self.gap) - Self.gap)
    let canvas = Canvas(
      width: width, height: 2 * Self.margin + header + Double(max(down, 1)) * (cellHeight + Self.gap) - Self.gap,
      scale: scale)
    if !title.isEmpty {
      canvas.text(title, at: Point(x: Self.margin, y: Self.margin + 6), Font(size: 15, bold: true))
    }
    for (index, item) in items.enumerated() {
      let cell = Rectangle(
        x: Self.margin + Double(index % across) * (side + Self.gap),
        y: Self.margin + header + Double(index / across) * (cellHeight + Self.gap), width: side, height: cellHeight)
      draw(item, on: canvas, in: cell)
    }
    return canvas
  }

  private func draw(_ item: Item, on canvas: Canvas, in cell: Rectangle) {
    let verdict = item.truth.map { $0 == item.predicted }
    let color: Color = verdict.map { $0 ? .correct : .wrong } ?? .series[0]

    let frame = Rectangle(x: cell.x, y: cell.y, width: side, height: side)
    canvas.draw(item.image, fitting: frame)
    canvas.stroke(frame.inset(by: -1.25), color, lineWidth: 2.5, cornerRadius: 2)

    // Colour alone would leave out who cannot tell red from green.
    let mark = verdict.map { $0 ? "✓ " : "✗ " } ?? ""
    let nameFont = Font(size: 11.5, bold: true), truthFont = Font(size: 10.5)
    canvas.text(
      canvas.shortened(mark + item.predicted, toFit: side, nameFont), at: Point(x: cell.x, y: frame.maxY + 14),
      nameFont, color)
    drawProbability(
      item.probability, color, on: canvas, in: Rectangle(x: cell.x, y: frame.maxY + 25, width: side, height: 6))
    if let truth = item.truth, verdict == false {
      canvas.text(
        canvas.shortened("truth: " + truth, toFit: side, truthFont), at: Point(x: cell.x, y: frame.maxY + 41),
        truthFont, .slate)
    }
  }

  private func drawProbability(_ probability: Double, _ color: Color, on canvas: Canvas, in row: Rectangle) {
    // A network that diverged predicts NaN: no bar, and the number says so.
    let share = probability.isFinite ? min(max(probability, 0), 1) : nil
    let font = Font(size: 10.5)
    let bar = Rectangle(x: row.x, y: row.y, width: row.width - 38, height: row.height)
    canvas.fill(bar, .mist, cornerRadius: 3)
    if let share, share > 0 {
      canvas.clipped(to: Rectangle(x: bar.x, y: bar.y, width: bar.width * share, height: bar.height)) {
        canvas.fill(bar, color, cornerRadius: 3)
      }
    }
    let percent = share.map { "\(Int(($0 * 100).rounded())) %" } ?? "NaN"
    canvas.text(percent, at: Point(x: row.maxX, y: row.midY), font, .slate, anchor: .right)
  }
}
