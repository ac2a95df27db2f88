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
    let tally = try fuzz(
      Mutator("run file", seeds: try Self.seeds(), .text), refusal: ConfigError.self
    ) { bytes, number in
      let text = String(decoding: bytes, as: UTF8.self)
      let file = try RunFile(text: text, overrides: number % 4 == 0 ? [String(text.suffix(40))] : [])
      for name in RunFile.sectionNames { Self.read(try file.section(name)) }
      let resolved = file.resolvedYAML()
      #expect(try RunFile(text: resolved).resolvedYAML() == resolved, "mutation \(number)")
      try file.finish()
    }
    #expect(tally.refused > 2_000 && tally.accepted > 500, "\(tally)")
  }

  /// Asks for every key as every type.
  private static func read(_ section: ConfigSection, depth: Int = 0) {
    for key in section.keys {
      _ = try? section.int(key)
      _ = try? section.float(key, in: 0...1)
      _ = try? section.bool(key)
      _ = try? section.choice(key, among: ["cbam", "resnet50"])
      _ = try? section.ints(key, count: 3)
      _ = try? section.floats(key, in: 0..<1)
      _ = (try? section.interval(key))?.steps(perEpoch: 1 << 40, ofRun: .max)
      _ = try? section.sections(key)
      _ = try? section.path(key)
      _ = try? section.string(key)
      if depth < 4, let below = try? section.section(key) { read(below, depth: depth + 1) }
    }
  }
}
