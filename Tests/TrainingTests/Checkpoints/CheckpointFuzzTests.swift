import Foundation
import Graphs
import Optimizers
import Safetensors
import Support
import Testing
import Training

/// Whatever `state.json` says, with the right checksum or a wrong one, the answer is a checkpoint or a sentence, and no
/// file beside the checkpoint's own is opened.
@Suite struct CheckpointFuzzTests {
  private let folder: ScratchFolder
  private let checkpoint: String
  private let state: [UInt8]

  init() throws {
    folder = try ScratchFolder()
    let runners = try SmallNetwork(hasNorm: true).runners(batch: 2)
    let info = CheckpointInfo(
      step: 7, epoch: 1, stepInEpoch: 3, seed: 1, replicas: 2, globalBatch: 4, metric: 61.5, bestMetric: 70.25,
      plateau: Self.plateau,
      classNames: ["a", "\u{1F41D} \"b\""], runFile: "data: {name: scenes}\nrun: {steps: 7}\n")
    try CheckpointStore(folder: folder.path).write(
      Snapshot(info, runners.state, blocks: [StateBlock("ema", runners.state.gradients, hasStatistics: true)]))
    checkpoint = folder.path + "/step-000007"
    state = [UInt8](try Data(contentsOf: URL(fileURLWithPath: checkpoint + "/state.json")))
  }

  private static var plateau: Plateau.State {
    var state = Plateau.State()
    (state.best, state.badEvaluations, state.cooldown, state.scale) = (1.5, 3, 2, 0.25)
    return state
  }

  @Test func `Ten thousand damaged states give a checkpoint or a sentence`() throws {
    let mutator = Mutator("state.json", seeds: [state], .text)
    let tally = try fuzz(mutator, refusal: CheckpointError.self) { bytes, number in
      // Two of three get a right checksum again, so that the damage reaches what lies behind it.
      try folder.write(number % 3 == 0 ? bytes : Self.sealed(bytes), to: "step-000007/state.json")
      let reader = try CheckpointReader(checkpoint)
      #expect(reader.info.files.keys.sorted() == ["model.safetensors", "optimizer.safetensors"])
      #expect(reader.info.step >= 0 && reader.info.replicas > 0)
    }
    #expect(tally.refused > 5_000 && tally.accepted > 200, "\(tally)")
  }

  @Test(arguments: [
    (#""model.safetensors""#, #""../../x""#, "lists"),
    (#""model.safetensors""#, #""/etc/passwd""#, "lists"),
    (#""optimizer.safetensors""#, #""optimizer\nsafetensors""#, "lists"),
    (#""step" : 7"#, #""step" : -7"#, "says that step is -7; 0 to"),
    (#""stepInEpoch" : 3"#, #""stepInEpoch" : 9223372036854775807"#, "says that stepInEpoch is 9223372036854775807"),
    (#""replicas" : 2"#, #""replicas" : 0"#, "says that replicas is 0; 1 to"),
    (#""badEvaluations" : 3"#, #""badEvaluations" : -3"#, "says that plateau.badEvaluations is -3; 0 to"),
    (#""scale" : 0.25"#, #""scale" : 1e300"#, "says that plateau.scale is 1e+300; 0 to 1 can be"),
    (#""seed" : 1"#, #""seed" : 18446744073709551615"#, "says that seed is"),
  ])
  func `A state that no run wrote is refused, although its checksum is right`(
    written: String, instead: String, says: String
  ) throws {
    let text = String(decoding: state, as: UTF8.self)
    #expect(text.contains(written))
    let bytes = Self.sealed(Array(text.replacingOccurrences(of: written, with: instead).utf8))
    #expect(bytes != state)
    try folder.write(bytes, to: "step-000007/state.json")
    let error = #expect(throws: CheckpointError.self) { try CheckpointReader(checkpoint) }
    #expect(error?.reason.contains(says) == true && error?.reason.contains("\n") == false, "\(error as Any)")
  }

  @Test func `A state that leaves its files out is refused, because nothing would verify them`() throws {
    var info = try CheckpointReader.info(checkpoint)
    info.files = [:]
    try folder.write(Self.sealed(info), to: "step-000007/state.json")
    #expect(throws: CheckpointError.self) { try CheckpointReader(checkpoint) }
  }

  @Test func `A pipe or a file of gigabytes in the place of the state is refused`() throws {
    let path = checkpoint + "/state.json"
    unlink(path)
    mkfifo(path, 0o600)
    #expect(throws: CheckpointError(path: path, reason: "is not a regular file")) {
      try CheckpointReader.info(checkpoint)
    }
    unlink(path)
    try folder.write([], to: "step-000007/state.json")
    truncate(path, 1 << 33)
    #expect(throws: CheckpointError(path: path, reason: "has 8589934592 bytes; at most 16777216 are read")) {
      try CheckpointReader.info(checkpoint)
    }
  }

  private struct Sealed: Codable {
    var checksum: UInt32
    var state: CheckpointInfo
  }

  /// The text with the checksum that its content has; as it is where it has no content.
  private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    guard let sealed = try? JSONDecoder().decode(Sealed.self, from: Data(bytes)),
      let again = try? Self.sealed(sealed.state)
    else { return bytes }
    return again
  }

  private static func sealed(_ info: CheckpointInfo) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(Sealed(checksum: Checksum.crc32(encoder.encode(info)), state: info)))
  }
}
