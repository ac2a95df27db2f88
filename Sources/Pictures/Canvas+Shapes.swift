import CCairo

/// Lines, rectangles and discs.
extension Canvas {
  /// Fills a rectangle, with rounded corners when `cornerRadius` is positive.
  public func fill(_ rectangle: Rectangle, _ color: Color, cornerRadius: Double = 0) {
    outline(rectangle, cornerRadius: cornerRadius)
    use(color)
    cairo_fill(context)
  }

  /// Draws the outline of a rectangle, centred on its edge.
  public func stroke(_ rectangle: Rectangle, _ color: Color, lineWidth: Double = 1, cornerRadius: Double = 0) {
    outline(rectangle, cornerRadius: cornerRadius)
    use(color)
    cairo_set_line_width(context, lineWidth)
    cairo_stroke(context)
  }

  /// Draws a straight line; `dashes` are the lengths of its dashes and gaps in turn.
  public func line(from start: Point, to end: Point, _ color: Color, lineWidth: Double = 1, dashes: [Double] = []) {
    cairo_set_dash(context, dashes, Int32(dashes.count), 0)
    polyline([start, end], color, lineWidth: lineWidth)
    cairo_set_dash(context, nil, 0, 0)
  }

  /// Draws a line through the points with rounded joins; a single point becomes a dot of the line's width.
  public func polyline(_ points: [Point], _ color: Color, lineWidth: Double = 1) {
    guard let first = points.first else { return }
    cairo_move_to(context, first.x, first.y)
    for point in points.dropFirst() { cairo_line_to(context, point.x, point.y) }
    if points.count == 1 { cairo_close_path(context) }
    use(color)
    cairo_set_line_width(context, lineWidth)
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
    cairo_set_line_cap(context, points.count == 1 ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT)
    cairo_stroke(context)
  }

  /// Fills a disc.
  public func disc(at center: Point, radius: Double, _ color: Color) {
    cairo_new_sub_path(context)
    cairo_arc(context, center.x, center.y, radius, 0, 2 * .pi)
    use(color)
    cairo_fill(context)
  }

  private func outline(_ rectangle: Rectangle, cornerRadius: Double) {
    let radius = min(cornerRadius, rectangle.width / 2, rectangle.height / 2)
    guard radius > 0 else {
      cairo_rectangle(context, rectangle.x, rectangle.y, rectangle.width, rectangle.height)
      return
    }
    cairo_new_sub_path(context)
    cairo_arc(context, rectangle.maxX - radius, rectangle.y + radius, radius, -.pi / 2, 0)
    cairo_arc(context, rectangle.maxX - radius, rectangle.maxY - radius, radius, 0, .pi / 2)
    cairo_arc(context, rectangle.x + radius, rectangle.maxY - radius, radius, .pi / 2, .pi)
    cairo_arc(context, rectangle.x + radius, rectangle.y + radius, radius, .pi, 1.5 * .pi)
    cairo_close_path(context)
  }
}
