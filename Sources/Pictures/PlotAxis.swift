import Foundation

/// Maps a plot's numbers along one direction onto a stretch of the canvas.
struct PlotAxis {
  let range: ClosedRange<Double>
  let isLogarithmic: Bool
  let ticks: AxisTicks

  /// Covers the values, with a margin of `padding` times their spread at both ends.
  ///
  /// Values of one sign keep zero outside: a margin never takes a loss below zero.
  init(covering values: [Double], padding: Double, isLogarithmic: Bool, atMostTicks count: Int) {
    self.isLogarithmic = isLogarithmic
    let shown = values.filter { PlotAxis.shows($0, isLogarithmic: isLogarithmic) }
    let low = shown.min() ?? (isLogarithmic ? 0.1 : 0)
    let high = shown.max() ?? 1
    // Values that differ by rounding only count as one, or the labels would be all alike.
    let isOneValue = high - low <= 1e-9 * max(abs(low), abs(high))
    if isLogarithmic {
      let margin = isOneValue ? 3 : pow(high / low, padding)
      range = low / margin...high * margin
      ticks = .logarithmic(range, atMost: count)
    } else {
      let margin = isOneValue ? (high == 0 ? 1 : abs(high) / 2) : (high - low) * padding
      let lower = low >= 0 ? max(0, low - margin) : low - margin
      range = lower...(high <= 0 && low < 0 ? min(0, high + margin) : high + margin)
      ticks = .linear(range, atMost: count)
    }
  }

  /// The places 1 to the number of `names`, with half a place of room at both ends; where not all names have room,
  /// every second, third, … is written.
  init(names: [String], atMostTicks count: Int) {
    isLogarithmic = false
    range = 0.5...Double(names.count) + 0.5
    let shown = Array(stride(from: 0, to: names.count, by: (names.count - 1) / max(count, 1) + 1))
    ticks = AxisTicks(values: shown.map { Double($0 + 1) }, labels: shown.map { names[$0] })
  }

  /// Whether the axis has a place for a value; astronomically large ones count as not finite.
  static func shows(_ value: Double, isLogarithmic: Bool) -> Bool {
    abs(value) < 1e100 && (!isLogarithmic || value > 1e-100)
  }

  /// 0 at the lower end of the range, 1 at the upper.
  func fraction(_ value: Double) -> Double {
    isLogarithmic
      ? log(value / range.lowerBound) / log(range.upperBound / range.lowerBound)
      : (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }
}
