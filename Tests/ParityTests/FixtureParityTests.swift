import Attention
import Foundation
import Parity
import Testing

/// Every reference file of a system that the product has must pass.
@Suite struct FixtureParityTests {
  @Test(arguments: FixtureFiles.all) func agrees(path: String) throws {
    let result = ParityCheck.run(path: path)
    switch result.status {
    case .pass: #expect(!result.comparisons.isEmpty)
    case .fail: Issue.record("\(result.line)")
    case .unsupported: #expect(FixtureCatalog.entries[result.system] == nil, "\(result.line)")
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

  /// The file that the catalogue names beside a module.
  @Test(arguments: AttentionCatalog.entries.keys.sorted()) func everyModuleIsHeldToAFile(name: String) {
    let path = FixtureFiles.path(AttentionCatalog.entries[name]!.reference)
    #expect(ParityCheck.run(path: path).status == .pass, "\(path)")
  }

  @Test func namesWhatTheCatalogueLacks() {
    let results = FixtureFiles.all.map { ParityCheck.run(path: $0) }
    let lacking = results.filter { $0.status == .unsupported }.map { "\($0.system)/\($0.variant)" }
    if !lacking.isEmpty { print("not in the catalogue yet: \(lacking.joined(separator: ", "))") }
    #expect(results.contains { $0.status == .pass })
  }
}
