import CCairo

/// A surface to draw on, measured in points; each point is `scale` by `scale` pixels, so that the same drawing code
/// serves a screen (1) and print (2 and more).
///
/// A canvas belongs to one thread at a time.
public final class Canvas {
  /// Points across.
  public let width: Double
  /// Points down.
  public let height: Double
  /// Pixels a point.
  public let scale: Double
  public let pixelWidth: Int
  public let pixelHeight: Int

  let surface: OpaquePointer
  let context: OpaquePointer

  /// A canvas filled with one colour.
  public init(width: Double, height: Double, scale: Double = 2, background: Color = .white) {
    self.width = width
    self.height = height
    self.scale = scale
    pixelWidth = Int((width * scale).rounded(.up))
    pixelHeight = Int((height * scale).rounded(.up))
    precondition(
      1...32_767 ~= pixelWidth && 1...32_767 ~= pixelHeight,
      "a canvas of \(pixelWidth)x\(pixelHeight) pixels, cairo takes 1 to 32767")
    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, Int32(pixelWidth), Int32(pixelHeight))
    context = cairo_create(surface)
    cairo_scale(context, scale, scale)
    useUnhintedText()
    use(background)
    cairo_paint(context)
  }

  deinit {
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  /// Runs `body` with drawing limited to a rectangle.
  public func clipped(to rectangle: Rectangle, _ body: () throws -> Void) rethrows {
    cairo_save(context)
    defer { cairo_restore(context) }
    cairo_rectangle(context, rectangle.x, rectangle.y, rectangle.width, rectangle.height)
    cairo_clip(context)
    try body()
  }

  /// Draws an image stretched to a rectangle.
  /// - Parameter smooth: interpolates between pixels; `false` keeps them as squares, right for enlarged small pictures.
  public func draw(_ image: PixelImage, in rectangle: Rectangle, smooth: Bool) {
    // Cairo wants 32-bit words with the highest byte unused, in the machine's byte order.
    var words = [UInt32](repeating: 0, count: image.width * image.height)
    for pixel in words.indices {
      let red = UInt32(image.rgb[3 * pixel]), green = UInt32(image.rgb[3 * pixel + 1])
      words[pixel] = red << 16 | green << 8 | UInt32(image.rgb[3 * pixel + 2])
    }
    words.withUnsafeMutableBytes { bytes in
      let source = cairo_image_surface_create_for_data(
        bytes.bindMemory(to: UInt8.self).baseAddress, CAIRO_FORMAT_RGB24, Int32(image.width), Int32(image.height),
        Int32(4 * image.width))
      clipped(to: rectangle) {
        cairo_translate(context, rectangle.x, rectangle.y)
        cairo_scale(context, rectangle.width / Double(image.width), rectangle.height / Double(image.height))
        cairo_set_source_surface(context, source, 0, 0)
        let pattern = cairo_get_source(context)
        cairo_pattern_set_filter(pattern, smooth ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST)
        // Without padding the edge is blended with transparent black and shows as a dark rim.
        cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD)
        cairo_paint(context)
      }
      cairo_surface_finish(source)
      cairo_surface_destroy(source)
    }
  }

  /// The colour of one pixel, counted from the top left corner.
  package func color(column: Int, row: Int) -> Color {
    precondition(
      0..<pixelWidth ~= column && 0..<pixelHeight ~= row, "pixel (\(column), \(row)) of \(pixelWidth)x\(pixelHeight)")
    cairo_surface_flush(surface)
    let start = UnsafeRawPointer(cairo_image_surface_get_data(surface)!)
    let offset = row * Int(cairo_image_surface_get_stride(surface)) + 4 * column
    return Color(start.load(fromByteOffset: offset, as: UInt32.self) & 0xFF_FFFF)
  }

  func use(_ color: Color) {
    cairo_set_source_rgba(context, color.red, color.green, color.blue, color.opacity)
  }
}
