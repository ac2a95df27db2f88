import Communication
import Configuration

/// How large gradient buckets are: `distributed.bucket_bytes`.
///
/// With the tree reduction the numbers are the same for any size: it adds up element by element.
public enum BucketSize: Hashable, Sendable {
  /// What fits the link between the ranks, measured when a run starts: `LinkModel.bucketBytes`.
  case auto
  case bytes(Int)

  /// Where nothing is measured: one process, or a reduction whose rounding depends on the size.
  public static let standard = 4 << 20

  /// The size where it is given.
  public var bytes: Int? { if case .bytes(let bytes) = self { bytes } else { nil } }

  /// Reads the key of the section `distributed`.
  /// - Throws: `ConfigError` for anything but `auto` or a whole number from 1 to 2^40.
  init(reading distributed: ConfigSection) throws(ConfigError) {
    let text = try distributed.string("bucket_bytes", default: "auto")
    if text == "auto" {
      self = .auto
    } else if let bytes = Int(text), (1...1 << 40).contains(bytes) {
      self = .bytes(bytes)
    } else {
      throw distributed.error(
        "bucket_bytes", "wanted auto or a whole number of bytes from 1 to \(1 << 40), found '\(text)'")
    }
  }

  /// A size, and what the log says of it.
  struct Choice: Hashable, Sendable {
    var bytes: Int
    var sentence: String?
  }

  /// The size on all ranks. Collective; takes a fifth of a second where the link is measured.
  ///
  /// `fast` and `compressed` keep to the standard size: their rounding depends on it, and a run that is repeated should
  /// give the same.
  func choose(over communicator: any Communicator, _ reduction: ReductionKind) throws -> Choice {
    if let bytes { return Choice(bytes: bytes) }
    guard communicator.size > 1, reduction == .tree else { return Choice(bytes: Self.standard) }
    let link = try LinkMeasurement.model(over: communicator)
    var bytes = link.bucketBytes(ranks: communicator.size)
    // The numbers are everybody's, but processors of different makes may round them differently.
    try withUnsafeMutableBytes(of: &bytes) { try communicator.broadcast("bucket size", $0) }
    return Choice(
      bytes: bytes, sentence: "link: \(link.sentence); buckets of \(NumberText.bytes(Double(bytes)))")
  }
}

extension LinkLine {
  /// `31 µs + 1.2 GB/s`
  public var sentence: String { "\(NumberText.brief(latencySeconds)) + \(NumberText.bytes(bytesPerSecond))/s" }
}

extension LinkModel {
  /// `31 µs + 1.2 GB/s`; where lines differ, `2 µs + 6.1 GB/s at distance 1, 31 µs + 1.2 GB/s at 2 and more`.
  public var sentence: String {
    var parts: [(from: Int, text: String)] = []
    for (round, line) in lines.enumerated() where parts.last?.text != line.sentence {
      parts.append((1 << round, line.sentence))
    }
    if parts.count == 1 { return parts[0].text }
    return parts.enumerated().map { index, part in
      "\(part.text) at \(index == 0 ? "distance " : "")\(part.from)"
        + (index == parts.count - 1 && lines.count > parts.count ? " and more" : "")
    }.joined(separator: ", ")
  }
}

extension NumberText {
  /// A short time in the unit that fits: `31 µs`, `2.4 ms`, `1.25 s`.
  public static func brief(_ seconds: Double) -> String {
    if seconds < 0.9995e-3 { return significant(seconds * 1e6, digits: 3) + " µs" }
    if seconds < 0.9995 { return significant(seconds * 1e3, digits: 3) + " ms" }
    return significant(seconds, digits: 3) + " s"
  }

  /// Bytes in decimal units, as links and disks count them: `8 B`, `2.1 MB`, `1.2 GB`.
  public static func bytes(_ count: Double) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where count >= 0.9995 * size {
      let number = count / size
      return fixed(number, decimals: number < 99.95 ? 1 : 0) + " " + unit
    }
    return fixed(count, decimals: 0) + " B"
  }
}
