/// The JSON of a header: one object of tensors, and strings under `__metadata__`.
///
/// A parser of its own, because a general one forgets duplicate keys, rounds offsets above 2^53 and recurses into
/// whatever is nested; the format nests three levels and no more.
struct HeaderParser {
  struct Entry {
    var elementType = ""
    var shape: [Int] = []
    var offsets: [Int] = []
  }

  /// What stood where something else was wanted.
  struct Mistake: Error {
    var tensor: String?
    let wanted: String
    let found: String
  }

  private let bytes: [UInt8]
  private var position = 0
  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [String: Entry] = [:]

  init(_ bytes: [UInt8]) throws(Mistake) {
    self.bytes = bytes
    try object { parser, name throws(Mistake) in
      if name == "__metadata__" {
        parser.metadata = try parser.strings()
      } else {
        do throws(Mistake) {
          parser.entries[name] = try parser.entry()
        } catch {
          throw Mistake(tensor: name, wanted: error.wanted, found: error.found)
        }
      }
    }
    skipSpace()
    guard position == bytes.count else { throw mistake("nothing after the header's object") }
  }

  private mutating func entry() throws(Mistake) -> Entry {
    var entry = Entry()
    var missing: Set = ["dtype", "shape", "data_offsets"]
    try object { parser, key throws(Mistake) in
      missing.remove(key)
      switch key {
      case "dtype": entry.elementType = try parser.string()
      case "shape": entry.shape = try parser.integers()
      case "data_offsets": entry.offsets = try parser.integers()
      default: throw Mistake(wanted: "dtype, shape and data_offsets", found: "'\(key.prefix(40))'")
      }
    }
    if let key = missing.min() { throw Mistake(wanted: "dtype, shape and data_offsets", found: "no \(key)") }
    return entry
  }

  private mutating func strings() throws(Mistake) -> [String: String] {
    var strings: [String: String] = [:]
    try object { parser, key throws(Mistake) in strings[key] = try parser.string() }
    return strings
  }

  // MARK: JSON

  private mutating func object(_ member: (inout HeaderParser, String) throws(Mistake) -> Void) throws(Mistake) {
    var names: Set<String> = []
    try expect("{")
    if take("}") { return }
    repeat {
      let name = try string()
      guard names.insert(name).inserted else {
        throw Mistake(wanted: "each name once", found: "'\(name.prefix(200))' twice")
      }
      try expect(":")
      try member(&self, name)
    } while take(",")
    try expect("}")
  }

  private mutating func integers() throws(Mistake) -> [Int] {
    var numbers: [Int] = []
    try expect("[")
    if take("]") { return numbers }
    repeat { numbers.append(try integer()) } while take(",")
    try expect("]")
    return numbers
  }

  private mutating func integer() throws(Mistake) -> Int {
    skipSpace()
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let number = Int(digits) else {
      guard !digits.isEmpty else { throw mistake("a whole number >= 0") }
      throw Mistake(wanted: "a whole number below 2^63", found: String(digits.prefix(40)))
    }
    return number
  }

  private mutating func string() throws(Mistake) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw Mistake(wanted: "UTF-8 text", found: "other bytes at \(position - 1 - text.count) of the header")
        }
        return string
      case UInt8(ascii: "\\"): text.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20: throw Mistake(wanted: "text without control characters", found: "byte \(byte) in the header")
      default: text.append(byte)
      }
    }
    throw mistake("the end of a text")
  }

  private mutating func escape() throws(Mistake) -> Character {
    guard position < bytes.count else { throw mistake("the rest of an escape") }
    position += 1
    switch bytes[position - 1] {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      // Characters beyond the first 65,536 are written as a pair of surrogates.
      if (0xd800..<0xdc00).contains(code), bytes[position...].starts(with: "\\u".utf8) {
        position += 2
        let low = try hexadecimal()
        guard (0xdc00..<0xe000).contains(low) else { throw mistake("the second half of a surrogate pair") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw mistake("a character's number") }
      return Character(scalar)
    default: throw mistake("a known escape")
    }
  }

  private mutating func hexadecimal() throws(Mistake) -> UInt32 {
    // `UInt32("+123", radix: 16)` would be a number, and so would "-000".
    let digits = bytes[position...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ $0 >= UInt8(ascii: "0") }),
      let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else {
      throw mistake("four hexadecimal digits")
    }
    position += 4
    return code
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Mistake) {
    guard take(character) else { throw mistake("'\(character)'") }
  }

  private func mistake(_ wanted: String) -> Mistake {
    guard position < bytes.count else { return Mistake(wanted: wanted, found: "the end of the header") }
    let byte = bytes[position]
    let what = (0x21..<0x7f).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    return Mistake(wanted: wanted, found: "\(what) at \(position) of the header")
  }
}
