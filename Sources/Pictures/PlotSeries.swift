import Foundation

/// One named curve of a plot.
public struct PlotSeries: Hashable, Sendable {
  /// How the points are shown.
  public enum Style: Hashable, Sendable {
    /// A line.
    case line
    /// A faint line through the points and a strong one through their running average, for noisy curves such as the
    /// loss of each step.
    /// - Parameter weight: of the past, 0 (no smoothing) to below 1; 0.98 averages over about the last 50 points.
    case smoothed(weight: Double)
    /// A thin line with a disc at each point, for curves with few points such as one an epoch.
    case marked
  }

  /// What the legend calls the curve; an empty name keeps it out of the legend.
  public var name: String
  /// In order of x. Points that are not finite, or not positive on a logarithmic axis, leave a gap.
  public var points: [Point]
  public var style: Style

  public init(_ name: String, _ points: [Point], style: Style = .line) {
    self.name = name
    self.points = points
    self.style = style
  }

  /// The running average of `points`, s_i = (w m_{i-1} + (1 - w) y_i) / (1 - w^i): an exponential average whose start
  /// from zero is divided out (the bias correction of Adam; Kingma, Ba; ICLR 2015, section 3). Points that are not
  /// finite stay as they are and do not enter the average.
  public static func smoothed(_ points: [Point], weight: Double) -> [Point] {
    precondition(0..<1 ~= weight, "a smoothing weight of \(weight), wanted 0 to below 1")
    var mean = 0.0, bias = 1.0
    return points.map { point in
      guard point.y.isFinite else { return point }
      mean = weight * mean + (1 - weight) * point.y
      bias *= weight
      return Point(x: point.x, y: mean / (1 - bias))
    }
  }
}

/// The few points that draw the same line as many do: of all points in one pixel column the first, the lowest, the
/// highest and the last (M4; Jugel, Jerzak, Hackenbroich, Markl; VLDB 2014). A run of a million steps draws at once.
func thinned(_ points: [Point], columnWidth: Double) -> [Point] {
  var kept: [Point] = []
  var start = 0
  while start < points.count {
    let column = (points[start].x / columnWidth).rounded(.down)
    var end = start, lowest = start, highest = start
    while end < points.count, (points[end].x / columnWidth).rounded(.down) == column {
      if points[end].y < points[lowest].y { lowest = end }
      if points[end].y > points[highest].y { highest = end }
      end += 1
    }
    var last = -1
    for index in [start, min(lowest, highest), max(lowest, highest), end - 1] where index > last {
      kept.append(points[index])
      last = index
    }
    start = end
  }
  return kept
}
