import Compute

/// Damaged copies of good files, for fuzz tests: the same number always makes the same copy.
///
/// A copy suffers one to four accidents: flipped bits, bytes that decide signs and ends, sizes that are small, huge or
/// just beyond the file, cuts, doublings, insertions, and the tail of another seed. Text suffers also in its own terms:
/// words change places, numbers grow, lines go.
public struct Mutator: Sendable {
  /// What the files are, for sentences and for the random key.
  public let format: String
  private let seeds: [[UInt8]]
  private let accidents: Accidents

  /// What befalls a file.
  public enum Accidents: Sendable {
    case bytes
    /// By turns to bytes and to words.
    case text
    /// To words alone, so that many copies keep the language's form.
    case words
  }

  /// - Parameter seeds: good files.
  public init(_ format: String, seeds: [[UInt8]], _ accidents: Accidents = .bytes) {
    precondition(!seeds.isEmpty, "no seeds for \(format)")
    self.format = format
    self.seeds = seeds
    self.accidents = accidents
  }

  /// The damaged copy with this number.
  public func mutation(_ number: Int) -> [UInt8] {
    var random = RandomStream(RandomKey(2026).appending(format).appending(number))
    var bytes = seeds[random.integer(below: seeds.count)]
    for _ in 0...random.integer(below: 4) {
      if accidents == .words || (accidents == .text && random.integer(below: 2) == 0) {
        Self.damageText(&bytes, &random)
      } else {
        damage(&bytes, &random)
      }
    }
    return bytes
  }

  private func damage(_ bytes: inout [UInt8], _ random: inout RandomStream) {
    let kind = random.integer(below: 8), count = bytes.count
    guard count > 0 || kind >= 6 else { return }
    switch kind {
    case 0:
      for _ in 0...random.integer(below: 8) {
        bytes[random.integer(below: count)] ^= 1 << UInt8(random.integer(below: 8))
      }
    case 1:
      bytes[random.integer(below: count)] = [0, 1, 0x20, 0x7F, 0x80, 0xFE, 0xFF][random.integer(below: 7)]
    case 2: setSize(&bytes, &random)
    case 3: bytes.removeLast(count - random.integer(below: count))
    case 4: bytes.removeSubrange(Self.range(in: bytes, &random))
    case 5: bytes.insert(contentsOf: bytes[Self.range(in: bytes, &random)], at: random.integer(below: count + 1))
    case 6:
      let fresh = (0...random.integer(below: 16)).map { _ in UInt8(truncatingIfNeeded: random.word()) }
      bytes.insert(contentsOf: fresh, at: random.integer(below: count + 1))
    default:
      let other = seeds[random.integer(below: seeds.count)]
      guard !other.isEmpty else { return }
      bytes = bytes.prefix(random.integer(below: count + 1)) + other.suffix(random.integer(below: other.count) + 1)
    }
  }

  /// A number of 2, 4 or 8 bytes in either order, where headers have theirs more often than elsewhere.
  private func setSize(_ bytes: inout [UInt8], _ random: inout RandomStream) {
    let width = [2, 4, 8][random.integer(below: 3)], count = bytes.count
    guard count >= width else { return }
    let near = UInt64(max(0, count - 4 + random.integer(below: 9)))
    let values: [UInt64] = [
      0, 1, 0x7F, 0x7FFF, 0xFFFF, 60_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 60, .max >> 1, 1 << 63,
      .max, near,
    ]
    let value = values[random.integer(below: values.count)]
    let reach = random.integer(below: 2) == 0 ? min(count, 64) : count
    let place = random.integer(below: max(1, reach - width + 1)), isBigEndian = random.integer(below: 2) == 0
    for byte in 0..<width {
      bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (isBigEndian ? width - 1 - byte : byte)))
    }
  }

  /// Up to 64 bytes somewhere.
  private static func range(in bytes: [UInt8], _ random: inout RandomStream) -> Range<Int> {
    let start = random.integer(below: bytes.count)
    return start..<min(bytes.count, start + 1 + random.integer(below: 64))
  }
}

extension Mutator {
  /// What readers of numbers and of names stumble over.
  private static let words = [
    "-1", "0", "1e999", "-1e999", "1e-999", "nan", "inf", "null", "true", "\"\"", "''", "2147483648", "4294967296",
    "1152921504606846976", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551616", "1.5", "1e18", "0x10", "../../x", "/x", "..", "name", "[]", "{}", "\\u0000", "é",
    "\u{202E}", "[[[[[[[[", "{\"a\":", "- ", "&a", "*a", "!!int", "<<", "# ", ": ", "\t", "\n", "\r",
  ]

  private static func damageText(_ bytes: inout [UInt8], _ random: inout RandomStream) {
    let words = ranges(in: bytes, isWord)
    guard !words.isEmpty else { return }
    func any(_ ranges: [Range<Int>]) -> Range<Int> { ranges[random.integer(below: ranges.count)] }
    let first = any(words)
    switch random.integer(below: 6) {
    case 0: bytes.replaceSubrange(first, with: bytes[any(words)])
    case 1:
      let second = any(words)
      guard first.upperBound <= second.lowerBound else { return }
      let moved = Array(bytes[first])
      bytes.replaceSubrange(first, with: bytes[second])
      let shift = second.count - first.count
      bytes.replaceSubrange(second.lowerBound + shift..<second.upperBound + shift, with: moved)
    case 2, 3:
      let numbers = words.filter { bytes[$0.lowerBound] < 0x3A }
      let place = numbers.isEmpty ? first : any(numbers)
      bytes.replaceSubrange(place, with: Self.words[random.integer(below: Self.words.count)].utf8)
    case 4: bytes.insert(contentsOf: Self.words[random.integer(below: Self.words.count)].utf8, at: first.lowerBound)
    default:
      let lines = ranges(in: bytes) { $0 != 0x0A }, line = any(lines)
      if random.integer(below: 2) == 0 {
        bytes.removeSubrange(line)
      } else {
        bytes.insert(contentsOf: bytes[line] + [0x0A], at: any(lines).lowerBound)
      }
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }

  private static func ranges(in bytes: [UInt8], _ belongs: (UInt8) -> Bool) -> [Range<Int>] {
    var ranges: [Range<Int>] = [], start: Int?
    for (place, byte) in (bytes + [0x0A]).enumerated() {
      if place < bytes.count && belongs(byte) {
        start = start ?? place
      } else if let begin = start {
        ranges.append(begin..<place)
        start = nil
      }
    }
    return ranges
  }
}
