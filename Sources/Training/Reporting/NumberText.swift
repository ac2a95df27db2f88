import Foundation

/// Numbers as people read them, the same in every line and table.
public enum NumberText {
  /// A duration in its two largest units: `4.2 s`, `45 s`, `3 min 20 s`, `1 h 02 min`, `2 d 05 h`; `unknown` where it
  /// is not a number of seconds from 0.
  public static func duration(_ seconds: Double) -> String {
    guard seconds >= 0, seconds < 1e12 else { return "unknown" }
    // Below the tenths that would be shown as 10.0.
    if seconds < 9.95 { return fixed(seconds, decimals: 1) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60)) s" }
    // Rounding to the smaller unit comes first, or 23 h 59 min 40 s would read 23 h 60 min.
    let minutes = (whole + 30) / 60, hours = (whole + 1800) / 3600
    if minutes < 24 * 60 { return "\(minutes / 60) h \(twoDigits(minutes % 60)) min" }
    return "\(hours / 24) d \(twoDigits(hours % 24)) h"
  }

  /// 25,557,032.
  public static func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var result = ""
    for (offset, digit) in digits.enumerated() {
      if offset > 0, (digits.count - offset) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return (number < 0 ? "-" : "") + result
  }

  /// A number with so many decimals; from a million on with an exponent.
  public static func fixed(_ number: Double, decimals: Int) -> String {
    if !number.isFinite { return number.isNaN ? "nan" : number < 0 ? "-inf" : "inf" }
    return String(format: abs(number) < 1e6 ? "%.\(decimals)f" : "%.\(decimals)e", number)
  }

  /// A number with so many digits that count: 0.0812, 1e-05.
  public static func significant(_ number: Double, digits: Int) -> String {
    number.isFinite ? String(format: "%.\(digits)g", number) : fixed(number, decimals: 0)
  }

  /// A share of 1 in whole percents: 41 %.
  public static func percent(_ share: Double) -> String {
    fixed(share * 100, decimals: 0) + " %"
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
