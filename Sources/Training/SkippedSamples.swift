import Communication
import Datasets

/// The samples that could not be read, of all ranks, each told once however often it is met.
struct SkippedSamples {
  private var known: Set<BrokenSample> = []

  /// Notes what was met, and returns a sentence for each sample that is new.
  mutating func note(_ met: [BrokenSample]) -> [String] {
    met.compactMap { sample in
      guard known.insert(sample).inserted else { return nil }
      return "skipped \(sample) (\(known.count) so far)"
    }
  }
}

extension ReductionQueue {
  /// The broken samples of all ranks, on every rank, in the order of the data set.
  func gather(_ own: [BrokenSample]) throws -> [BrokenSample] {
    // Three lines for each: neither a name nor a reason has a line break of its own here.
    let lines = own.flatMap { ["\($0.index)", Self.oneLine($0.name), Self.oneLine($0.reason)] }
    let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
    let all = try run("broken samples") { try $0.allGather("broken samples", bytes) }
    let samples = all.flatMap { bytes -> [BrokenSample] in
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      return stride(from: 0, to: lines.count - 1, by: 3).map { place in
        BrokenSample(index: Int(lines[place])!, name: String(lines[place + 1]), reason: String(lines[place + 2]))
      }
    }
    return Set(samples).sorted { ($0.index, $0.reason) < ($1.index, $1.reason) }
  }

  private static func oneLine(_ text: String) -> String { text.replacing("\n", with: " ") }
}
