/// Rows of small pictures, each with a name and a note below it, that share a page with others.
public struct PicturePanels: Hashable, Sendable {
  /// One picture.
  public struct Item: Hashable, Sendable {
    public var image: PixelImage
    public var name: String
    /// A second line, smaller.
    public var note: String

    public init(image: PixelImage, name: String, note: String = "") {
      self.image = image
      self.name = name
      self.note = note
    }
  }

  public var items: [Item]
  /// Pictures in a row.
  public var columns: Int
  /// Points between two pictures.
  public var gap = 14.0

  public init(items: [Item], columns: Int) {
    precondition(columns > 0, "\(columns) columns")
    self.items = items
    self.columns = columns
  }

  private static let nameFont = Font(size: 10.5, bold: true)
  private static let noteFont = Font(size: 10)
  private static let captionHeight = 34.0

  /// Points of a picture's side when the panels take `width` points.
  public func side(width: Double) -> Double {
    ((width + gap) / Double(columns) - gap).rounded(.down)
  }

  /// Points that the panels take downwards.
  public func height(width: Double) -> Double {
    let rows = (items.count + columns - 1) / columns
    return Double(rows) * (side(width: width) + Self.captionHeight + gap) - (rows > 0 ? gap : 0)
  }

  /// Draws the panels from a place on.
  public func draw(on canvas: Canvas, at origin: Point, width: Double) {
    let side = side(width: width)
    for (index, item) in items.enumerated() {
      let frame = Rectangle(
        x: origin.x + Double(index % columns) * (side + gap),
        y: origin.y + Double(index / columns) * (side + Self.captionHeight + gap), width: side, height: side)
      canvas.draw(item.image, fitting: frame)
      canvas.text(
        canvas.shortened(item.name, toFit: side, Self.nameFont), at: Point(x: frame.x, y: frame.maxY + 12),
        Self.nameFont)
      canvas.text(
        canvas.shortened(item.note, toFit: side, Self.noteFont), at: Point(x: frame.x, y: frame.maxY + 26),
        Self.noteFont, .slate)
    }
  }
}

extension Canvas {
  /// Draws an image as large as a frame takes it, in its middle; one that is much enlarged keeps its pixels as squares.
  public func draw(_ image: PixelImage, fitting frame: Rectangle) {
    let magnification = frame.width / Double(max(image.width, image.height))
    let width = Double(image.width) * magnification, height = Double(image.height) * magnification
    fill(frame, Color(0xF2F4F7))
    draw(
      image, in: Rectangle(x: frame.midX - width / 2, y: frame.midY - height / 2, width: width, height: height),
      smooth: magnification * scale < 3)
  }
}
