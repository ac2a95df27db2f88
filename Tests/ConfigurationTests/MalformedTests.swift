import Configuration
import Testing

/// Whatever the bytes are, the answer is a run file or a `ConfigError`.
@Suite struct MalformedTests {
  static let texts: [String] = [
    "model:\n\tname: x", "model: [1, 2", "model: {a: 1", "model: \"open", "model: 'open", "a: b: c", "\0", "model: \0",
    "model: a\u{0}b", "- a\n- b", "---\na: 1\n---\nb: 2", "%YAML 9.9\n---\na", "!!binary x",
    "model: !!python/object:os.system x\n:",
    "? [a, b]\n: c", "? {a: b}\n: c", "*x", "model: *x", "model: &x *x", "model: &x [*x]", "<<: {a: 1}", ":", "?", "-",
    "|", ">",
    "model: \"\\uD800\"", "model: \"\\xZZ\"", "\u{feff}model: a", "model: a\r\ndata: b\r", "@", "`", "&", "& ", "%",
    String(repeating: "[", count: 200_000), String(repeating: "{a: ", count: 20_000),
    String(repeating: "- ", count: 20_000),
    String(repeating: "? ", count: 20_000), String(repeating: "a:\n", count: 5),
    (0..<2_000).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
    "run: [" + String(repeating: "1, ", count: 60_000) + "1]",
    "run: " + String(repeating: "x", count: 1 << 20),
    "a: &a [x,x]\n" + (1..<40).map { "k\($0): &k\($0) [*\($0 == 1 ? "a" : "k\($0 - 1)"), *a]\n" }.joined(),
  ]

  @Test(arguments: texts.indices)
  func table(_ index: Int) { Self.readEverything(Self.texts[index]) }

  @Test(arguments: [
    "model: [1, 2", "model:\n\tname: x", "model: \0", "---\nrun: {}\n---\nrun: {}", "? [a]\n: b", "model: *x",
    String(repeating: "[", count: 2_000),
    "run: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
  ])
  func refused(_ text: String) {
    do {
      _ = try RunFile(text: text, file: "x.yaml")
      Issue.record("accepted")
    } catch {
      #expect(error.description.hasPrefix("x.yaml:"))
      #expect(error.description.contains("not a run file: "))
      #expect(!error.description.contains("\n"))
    }
  }

  @Test func mutationsOfAGoodFile() {
    let good = Array(
      """
      model: {name: resnet50, attention: {name: cbam, reduction: 16}}
      data:
        root: "../data"   # where
        mean: [0.5, 0.4,
               0.3]
      run:
        note: |
          two
          lines
        evaluate_every: 1 epoch
      """.utf8)
    let spice = Array("\t\n\r\0 :{}[],&*!|>'\"%@`#-?~<=\\.0aé".utf8) + [0x80, 0xff, 0xed, 0xa0]
    var random = SplitMix(state: 7)
    for _ in 0..<3_000 {
      var bytes = good
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = spice.randomElement(using: &random) ?? 0
        case 1: bytes.insert(spice.randomElement(using: &random) ?? 0, at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1..<9, using: &random)))
        default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 20)], at: place)
        }
      }
      Self.readEverything(String(decoding: bytes, as: UTF8.self))
    }
  }

  /// Reads, asks every section for every type, writes and reads again.
  private static func readEverything(_ text: String) {
    guard let file = try? RunFile(text: text) else { return }
    for name in RunFile.sectionNames {
      guard let section = try? file.section(name) else { continue }
      for key in section.keys {
        _ = try? section.int(key)
        _ = try? section.floats(key)
        _ = try? section.interval(key)
        _ = try? section.section(key)
      }
    }
    let resolved = file.resolvedYAML()
    #expect(throws: Never.self) { _ = try RunFile(text: resolved) }
  }
}

/// Steele, Lea, Flood (2014): a generator whose numbers are the same on every machine.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
