import Configuration
import Foundation
import Support
import Testing

/// Whatever the text is, the answer is a run file that reads back as written, or a `ConfigError`.
@Suite struct RunFileFuzzTests {
  /// Every run file that we hand out, and one with whatever YAML has beyond them.
  static func seeds() throws -> [[UInt8]] {
    let configs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "configs").path
    let names = FileManager.default.enumerator(atPath: configs)?.compactMap { $0 as? String } ?? []
    // Without their headers of comments: damage to those is no damage.
    let files = try names.filter { $0.hasSuffix(".yaml") }.sorted().map { name in
      let lines = try String(contentsOfFile: "\(configs)/\(name)", encoding: .utf8).split(separator: "\n")
      return Array(lines.filter { !$0.hasPrefix("#") }.joined(separator: "\n").utf8)
    }
    let unusual = """
      %YAML 1.1
      ---
      model: {name: resnet50, attention: {name: "cb\\u0061m", reduction: 16}}
      data: !!map
        root: '../data'   # where
        ? mean
        : [0.5, 0.4,
           0.3]
      run:
        note: |
          two
          lines
        text: >-
          folded
        evaluate_every: 1 epoch
        share: 5 %
      ...
      """
    return files + [Array(unusual.utf8)]
  }

  @Test func `Ten thousand damaged run files give sections or a sentence`() throws {
    let seeds = try Self.seeds()
    // Most damage to bytes is no YAML any more; every second copy suffers in its words alone.
    let words = Mutator("run file's words", seeds: seeds, .words)
    let tally = try fuzz(Mutator("run file", seeds: seeds, .text), refusal: ConfigError.self) { bytes, number in
      let text = String(decoding: number % 2 == 0 ? bytes : words.mutation(number), as: UTF8.self)
      let file = try RunFile(text: text, overrides: number % 16 == 0 ? [String(text.suffix(40))] : [])
      for name in RunFile.sectionNames { Self.read(try file.section(name), number) }
      let resolved = file.resolvedYAML()
      #expect(try RunFile(text: resolved).resolvedYAML() == resolved, "mutation \(number)")
      try file.finish()
    }
    #expect(tally.refused > 2_000 && tally.accepted > 500, "\(tally)")
  }

  /// Asks for every key, each time as another type, and last as what it may be.
  private static func read(_ section: ConfigSection, _ number: Int, depth: Int = 0) {
    for (index, key) in section.keys.enumerated() {
      switch (number / 2 + index) % 8 {
      case 0: _ = try? section.int(key)
      case 1: _ = try? section.float(key, in: 0...1)
      case 2: _ = try? section.bool(key)
      case 3: _ = try? section.choice(key, among: ["cbam", "resnet50"])
      case 4: _ = try? section.ints(key, count: 3)
      case 5: _ = try? section.floats(key, in: 0..<1)
      case 6: _ = (try? section.interval(key))?.steps(perEpoch: 1 << 40, ofRun: .max)
      default: _ = try? section.path(key)
      }
      if (try? section.string(key)) != nil { continue }
      let listed = try? section.sections(key)
      guard let below = try? listed ?? [section.section(key)], depth < 4 else { continue }
      for section in below { read(section, number, depth: depth + 1) }
    }
  }
}
