/// How much memory the arena of a training step may take. Whatever is chosen, the numbers are the same.
public enum MemoryBudget: Hashable, Sendable {
  /// What is nearly free to compute again does not wait for the backward pass, where the network takes much memory.
  case auto
  /// Everything waits, nothing is computed again.
  case unlimited
  /// As much is computed again as it takes to stay within so many bytes.
  case bytes(Int)

  /// Reads `auto`, `unlimited`, or a size: `1500000000`, `1.5 GB`, `1400 MiB`; `nil` for anything else.
  public init?(_ text: String) {
    switch text {
    case "auto": self = .auto
    case "unlimited": self = .unlimited
    default:
      let number = text.prefix { "0123456789.".contains($0) }
      let unit = String(text.dropFirst(number.count).drop { $0 == " " })
      guard let count = Double(number), let size = Self.units[unit] else { return nil }
      guard (1..<1e15).contains(count * size) else { return nil }
      self = .bytes(Int(count * size))
    }
  }

  private static let units: [String: Double] = [
    "": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": 0x1p10, "MiB": 0x1p20, "GiB": 0x1p30, "TiB": 0x1p40,
  ]
  /// What may be written, to follow "wanted".
  public static let wording = "auto, unlimited, or a size such as '1.5 GB'"
}

/// A budget that no plan of this network keeps.
public struct MemoryBudgetError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Bytes that were allowed, and those of the smallest plan: the budget that works.
  public let budget: Int
  public let smallest: Int
  /// Where the smallest plan needs most, and for what.
  public let fullestStep: String
  public let largest: [PlanSummary.Block]

  init(_ program: Program, workers: Int, budget: Int, smallest: Int) {
    self.budget = budget
    self.smallest = smallest
    (fullestStep, largest) = PlanSummary.fullest(of: program, workers: workers)
  }

  public var description: String {
    let tensors = largest.prefix(5).map { "\($0.name) \(Self.mebibytes($0.bytes))" }.joined(separator: ", ")
    return "a training step does not fit into \(Self.mebibytes(budget)); the smallest budget that works is \(smallest) "
      + "bytes (\(Self.mebibytes(smallest))); most is needed at \(fullestStep), by \(tensors)"
  }

  private static func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
