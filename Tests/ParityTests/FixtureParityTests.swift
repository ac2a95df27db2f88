import Foundation
import Parity
import Testing

/// Every reference file of a network that the product has, and what became of the others.
@Suite struct FixtureParityTests {
  /// Kinds of a system that the product does not have yet; every other file of a system in the catalogue must pass.
  static let missing: [String: @Sendable (Fixture) -> Bool] = [
    "gcnet": { !($0.metadata["config"] ?? "").contains("squeeze-excitation") },
    "attention-survey": { fixture in
      !["channel-se", "channel-eca", "channel-spatial-cbam"].contains { fixture.variant.hasPrefix($0) }
        || fixture.variant.hasPrefix("channel-selective")
    },
  ]

  @Test(arguments: FixtureFiles.all) func agrees(path: String) throws {
    let result = ParityCheck.run(path: path)
    switch result.status {
    case .pass: #expect(!result.comparisons.isEmpty)
    case .fail: Issue.record("\(result.line)")
    case .unsupported:
      let isDeclared = FixtureCatalog.entries[result.system] == nil
      #expect(try isDeclared || Self.missing[result.system]?(Fixture(path: path)) == true, "\(result.line)")
    }
  }

  /// The plan against its slow twin, and one worker against two, on real networks: the same bits.
  @Test(arguments: FixtureFiles.all) func planEqualsInterpreter(path: String) throws {
    let fixture = try Fixture(path: path)
    guard let twin = try FixtureCatalog.twin(of: fixture) else { return }
    for replay in try ParityCheck.replays(fixture, twin, workers: 2) {
      let planned = try replay.run(.planned(workers: 2))
      #expect(try planned == replay.run(.interpreted(workers: 2)), "\(replay.mode)")
      #expect(replay.plan.overlaps() == [])
    }
    let two = try ParityCheck.replays(fixture, twin, workers: 2).map { try $0.run(.planned(workers: 2)) }
    let one = try ParityCheck.replays(fixture, twin, workers: 1).map { try $0.run(.planned(workers: 1)) }
    #expect(one == two)
  }

  @Test func namesWhatTheCatalogueLacks() {
    let results = FixtureFiles.all.map { ParityCheck.run(path: $0) }
    let lacking = results.filter { $0.status == .unsupported }.map { "\($0.system)/\($0.variant)" }
    if !lacking.isEmpty { print("not in the catalogue yet: \(lacking.joined(separator: ", "))") }
    #expect(results.contains { $0.status == .pass })
  }
}
