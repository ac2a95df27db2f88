import Foundation

/// Rates and delays of a link as people write them, and no other way: a unit that could mean two things is refused.
public enum LinkText {
  /// What Ethernet and TCP leave to messages of a link's bits: 1448 of every 1538 bytes.
  public static let payloadShare = 1448.0 / 1538.0

  /// Bytes a second that a link gives to messages; `nil` for anything else than a positive number with its unit.
  ///
  /// In bits, `10Gbit`, it is the name of a link, of which `payloadShare` is left; in bytes, `1.2GB/s`, it is what
  /// messages get.
  public static func bytesPerSecond(_ text: String) -> Double? {
    guard let (number, unit) = parts(text) else { return nil }
    if let size = byteUnits[unit] { return number * size }
    let bare = unit.hasSuffix("/s") ? String(unit.dropLast(2)) : unit
    return bitUnits[bare.replacingOccurrences(of: "Bit", with: "bit")].map { number * $0 / 8 * payloadShare }
  }

  /// What may be written as a rate, to follow "wanted".
  public static let rateWording = "a rate such as '10Gbit', '100Mbit' or '1.2GB/s'"

  /// Seconds; `nil` for anything else than a number with its unit.
  public static func seconds(_ text: String) -> Double? {
    guard let (number, unit) = parts(text, orZero: true) else { return nil }
    return timeUnits[unit].map { number * $0 }
  }

  /// What may be written as a delay, to follow "wanted".
  public static let delayWording = "a time such as '30us', '0.2ms' or '0.001s'"

  private static let bitUnits: [String: Double] = ["bit": 1, "kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "Tbit": 1e12]
  private static let byteUnits: [String: Double] = [
    "B/s": 1, "kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9, "KiB/s": 0x1p10, "MiB/s": 0x1p20, "GiB/s": 0x1p30,
  ]
  private static let timeUnits: [String: Double] = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1]

  private static func parts(_ text: String, orZero: Bool = false) -> (number: Double, unit: String)? {
    let digits = text.prefix { "0123456789.".contains($0) }
    guard digits.first != ".", digits.last != ".", let number = Double(digits), number > 0 || orZero else { return nil }
    let unit = text.dropFirst(digits.count)
    return (number, String(unit.first == " " ? unit.dropFirst() : unit))
  }
}
