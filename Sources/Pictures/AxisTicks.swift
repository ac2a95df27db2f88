import Foundation

/// Where an axis puts its ticks and what it writes beside them.
package struct AxisTicks: Equatable {
  package var values: [Double]
  package var labels: [String]
  /// Places of unlabelled grid lines, on a logarithmic axis.
  package var minorValues: [Double] = []

  /// Ticks at multiples of 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers for graph labels", Graphics Gems
  /// 1990): the finest such step that gives at most `count` ticks.
  package static func linear(_ range: ClosedRange<Double>, atMost count: Int) -> AxisTicks {
    let width = range.upperBound - range.lowerBound
    precondition(width > 0 && width.isFinite && count > 1, "\(count) ticks over \(range)")
    let power = Int(floor(log10(width / Double(count))))
    for exponent in [power, power + 1] {
      for factor in [1.0, 2, 5] {
        let step = scaled(factor, exponent)
        // Half a thousandth of a step forgives the rounding of a bound that is meant to be a tick.
        let first = (range.lowerBound / step - 0.0005).rounded(.up)
        let last = (range.upperBound / step + 0.0005).rounded(.down)
        guard last - first < Double(count) else { continue }
        let values = stride(from: first, through: last, by: 1).map { scaled($0 * factor, exponent) }
        return AxisTicks(values: values, labels: labels(values, stepExponent: exponent))
      }
    }
    return AxisTicks(values: [], labels: [])
  }

  /// Ticks at powers of ten, thinned to at most `count`; over less than two of them at 1, 2 and 5 times a power of ten,
  /// and over less than one linearly.
  /// - Parameter range: positive numbers.
  package static func logarithmic(_ range: ClosedRange<Double>, atMost count: Int) -> AxisTicks {
    precondition(range.lowerBound > 0, "\(range) on a logarithmic axis")
    let first = Int((log10(range.lowerBound) - 1e-9).rounded(.up))
    let last = Int((log10(range.upperBound) + 1e-9).rounded(.down))
    func multiples(_ factors: [Double]) -> [Double] {
      (first - 1...last).flatMap { exponent in factors.map { scaled($0, exponent) } }.filter(range.contains)
    }
    guard last > first else {
      let values = multiples([1, 2, 5])
      guard values.count > 2, values.allSatisfy({ 1e-4..<1e4 ~= $0 }) else { return linear(range, atMost: count) }
      return AxisTicks(values: values, labels: values.map { String(format: "%g", $0) })
    }
    let every = (last - first) / count + 1
    let exponents = Array(stride(from: first, through: last, by: every))
    return AxisTicks(
      values: exponents.map { scaled(1, $0) }, labels: exponents.map(powerOfTen),
      minorValues: every == 1 ? multiples([2, 3, 4, 5, 6, 7, 8, 9]) : [])
  }

  /// All labels of one axis share their unit and their decimals.
  private static func labels(_ values: [Double], stepExponent: Int) -> [String] {
    let largest = values.map(abs).max() ?? 0
    let magnitude = largest > 0 ? Int(floor(log10(largest) + 1e-9)) : 0
    if magnitude >= 9 || magnitude < -3 {
      let decimals = max(0, magnitude - stepExponent)
      return values.map { value in
        value == 0 ? "0" : fixed(value / pow(10, Double(magnitude)), decimals) + "×" + powerOfTen(magnitude)
      }
    }
    let unit: (exponent: Int, symbol: String) = magnitude >= 6 ? (6, "M") : magnitude >= 4 ? (3, "k") : (0, "")
    let decimals = max(0, unit.exponent - stepExponent)
    return values.map { value in
      value == 0 ? "0" : fixed(value / pow(10, Double(unit.exponent)), decimals) + unit.symbol
    }
  }

  /// value * 10^exponent; dividing by a power of ten is exact where multiplying by 0.1 is not.
  private static func scaled(_ value: Double, _ exponent: Int) -> Double {
    exponent < 0 ? value / pow(10, Double(-exponent)) : value * pow(10, Double(exponent))
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value).replacingOccurrences(of: "-", with: "−")
  }

  /// 10⁻³, with 1 and 10 written plainly.
  private static func powerOfTen(_ exponent: Int) -> String {
    if exponent == 0 || exponent == 1 { return exponent == 0 ? "1" : "10" }
    let raised: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
    ]
    return "10" + String(String(exponent).compactMap { raised[$0] })
  }
}
