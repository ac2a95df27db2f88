import Graphs
import Safetensors

/// Holds the product to a published implementation: builds what a fixture was made with, replays it, and compares every
/// number of the file.
public enum ParityCheck {
  private static let workers = 2

  /// Checks the file at `path`. A file that cannot be read or understood is a failure with a sentence, never a crash.
  public static func run(path: String) -> ParityResult {
    let fixture: Fixture
    do { fixture = try Fixture(path: path) } catch {
      return ParityResult(file: path, system: "?", variant: "?", outcome: .failed(sentence(error, path)))
    }
    func result(_ outcome: ParityResult.Outcome) -> ParityResult {
      ParityResult(file: path, system: fixture.system, variant: fixture.variant, outcome: outcome)
    }
    do {
      guard let twin = try FixtureCatalog.twin(of: fixture) else { return result(.unsupported) }
      return result(.compared(try compare(fixture, twin)))
    } catch {
      return result(.failed(sentence(error, path)))
    }
  }

  /// What our twin makes of the file in each mode that the file has numbers for.
  package static func replays(_ fixture: Fixture, _ twin: FixtureTwin, workers: Int = workers) throws -> [Replay] {
    let modes: [Trace.Mode] = [
      fixture.contains("eval.output.0") ? .inference : nil, fixture.contains("train.output.0") ? .training : nil,
    ].compactMap(\.self)
    guard !modes.isEmpty else {
      throw FixtureError("outputs", wanted: "eval.output.0 or train.output.0", found: "neither")
    }
    return try modes.map { try Replay(fixture, twin, mode: $0, workers: workers) }
  }

  /// Every tensor of the file against ours.
  private static func compare(_ fixture: Fixture, _ twin: FixtureTwin) throws -> [ParityComparison] {
    var found: [String: [Float]] = [:]
    for replay in try replays(fixture, twin) {
      found.merge(try replay.run(.planned(workers: workers))) { _, new in new }
    }
    let gradients = try found.keys.filter { $0.hasPrefix("train.grad") && fixture.contains($0) }.map {
      try fixture.floats($0)
    }
    let tolerance = try ParityTolerance(fixture, gradients: gradients)
    let comparisons = try found.sorted { $0.key < $1.key }.map { key, values in
      guard fixture.contains(key) else { throw FixtureError(key, wanted: "a tensor of the file", found: "none") }
      let isCounter = key.hasSuffix("num_batches_tracked")
      let wanted = isCounter ? try fixture.integers(key).map { Float($0) } : try fixture.floats(key)
      guard wanted.count == values.count else {
        throw FixtureError(key, wanted: "\(values.count) elements as ours", found: "\(wanted.count)")
      }
      return tolerance.comparison(key, found: values, wanted: wanted, isCounter: isCounter)
    }
    if let left = fixture.unread.min() {
      throw FixtureError(left, wanted: "a tensor that our twin has too", found: "one that it does not have")
    }
    return comparisons
  }

  private static func sentence(_ error: any Error, _ path: String) -> String {
    let text = "\(error)"
    // The line names the file already.
    return text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
  }
}
