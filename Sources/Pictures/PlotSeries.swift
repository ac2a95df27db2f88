/// One named curve of a plot.
public struct PlotSeries: Hashable, Sendable {
  /// How the points are shown.
  public enum Style: Hashable, Sendable {
    /// A line.
    case line
    /// A faint line through the points and a strong one through the averages of their neighbourhoods, for noisy curves
    /// such as the loss of each step.
    /// - Parameter weight: of the next neighbour, 0 (no smoothing) to below 1; 0.98 averages over about 100 points.
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

  /// The average of each point's neighbourhood, s_i = sum_j w^|i-j| y_j / sum_j w^|i-j|, over the points that are
  /// finite; the others stay as they are.
  ///
  /// It looks both ways, because an average of the past alone lags: it would draw a falling loss above its own points.
  public static func smoothed(_ points: [Point], weight: Double) -> [Point] {
    precondition(0..<1 ~= weight, "a smoothing weight of \(weight), wanted 0 to below 1")
    let finite = points.indices.filter { points[$0].y.isFinite }
    // First the part of each sum with j < i, then the part with j >= i.
    var result = points
    var sum = 0.0, weights = 0.0
    var past: [Double] = []
    for index in finite {
      past.append(weight * weights)
      result[index].y = weight * sum
      sum = weight * sum + points[index].y
      weights = weight * weights + 1
    }
    (sum, weights) = (0, 0)
    for (index, pastWeights) in zip(finite, past).reversed() {
      sum = weight * sum + points[index].y
      weights = weight * weights + 1
      result[index].y = (result[index].y + sum) / (pastWeights + weights)
    }
    return result
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
