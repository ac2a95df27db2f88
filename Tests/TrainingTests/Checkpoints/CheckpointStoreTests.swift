import Compute
import Foundation
import Glibc
import Graphs
import Testing
import Training

@Suite struct CheckpointStoreTests {
  private let folder: TemporaryFolder
  private let runners: NetworkRunners

  init() throws {
    folder = try TemporaryFolder()
    runners = try SmallNetwork(hasNorm: true).runners(batch: 2)
  }

  private var checkpoints: String { folder.path + "/checkpoints" }

  private func snapshot(_ step: Int, metric: Double? = nil) -> Snapshot {
    let info = CheckpointInfo(
      step: step, epoch: 0, stepInEpoch: step, seed: 1, replicas: 1, globalBatch: 2, metric: metric, bestMetric: metric,
      classNames: ["a", "b"], runFile: "run: {}\n")
    runners.state.values[0] = Float(step)
    runners.state.counters["bn1.num_batches_tracked"] = step
    return Snapshot(info, runners.state, blocks: [average(of: runners)])
  }

  private func average(of runners: NetworkRunners) -> StateBlock {
    StateBlock("ema", runners.state.gradients, hasStatistics: true)
  }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted() }

  private func latest() throws -> String {
    try FileManager.default.destinationOfSymbolicLink(atPath: checkpoints + "/latest")
  }

  @Test func `What was written is read back, all of it`() throws {
    let store = CheckpointStore(folder: checkpoints)
    for index in 0..<runners.state.gradients.count { runners.state.gradients[index] = Float(index) }
    let written = snapshot(7, metric: 61.5)
    try store.write(written)
    let values = runners.state.values.array

    let other = try SmallNetwork(hasNorm: true).runners(batch: 2, seed: 9)
    let reader = try CheckpointReader(checkpoints + "/latest")
    try reader.restore(other.state, blocks: [average(of: other)])
    #expect(other.state.values.array == values)
    #expect(other.state.counters["bn1.num_batches_tracked"] == 7)
    for entry in other.state.layout.parameters + other.state.layout.buffers {
      #expect(other.state.gradients[entry.range.lowerBound] == Float(entry.range.lowerBound), "\(entry.path)")
    }
    var info = reader.info
    info.files = [:]
    #expect(info == written.info)
  }

  @Test func `The last two and the best one stay, and latest follows`() throws {
    let store = CheckpointStore(folder: checkpoints, keepLast: 2, keepBest: 1)
    for (step, metric) in [(1, 10), (2, 50), (3, 20), (4, nil), (5, 30)] as [(Int, Double?)] {
      try store.write(snapshot(step, metric: metric))
      #expect(try latest() == "step-" + String(format: "%06d", step))
    }
    #expect(try names() == ["latest", "step-000002", "step-000004", "step-000005"])
    // A metric as good as the best: the newer one.
    try store.write(snapshot(6, metric: 50))
    #expect(try names() == ["latest", "step-000005", "step-000006"])
  }

  @Test func `A run that goes on from an earlier checkpoint leaves the later ones behind`() throws {
    let store = CheckpointStore(folder: checkpoints, keepLast: 1, keepBest: 0)
    try CheckpointStore(folder: checkpoints, keepLast: 9).write(snapshot(10))
    try CheckpointStore(folder: checkpoints, keepLast: 9).write(snapshot(60, metric: 99))
    try store.write(snapshot(20))
    #expect(try names() == ["latest", "step-000020"])
    #expect(try latest() == "step-000020")
    try store.write(snapshot(20, metric: 3))
    #expect(try CheckpointReader(checkpoints + "/latest").info.metric == 3, "the same step again takes its place")
    #expect(try names() == ["latest", "step-000020"])
  }

  @Test func `Leavings of an interrupted write are cleaned away`() throws {
    let store = CheckpointStore(folder: checkpoints)
    try store.write(snapshot(1))
    for leaving in [".writing-step-000002", ".retired-12-step-000000"] {
      try folder.write("checkpoints/\(leaving)/model.safetensors", [1, 2])
    }
    symlink("step-000009", checkpoints + "/.latest-12")
    #expect(store.steps == [1], "they are no checkpoints")
    store.clean()
    #expect(try names() == ["latest", "step-000001"])
  }

  @Test func `Killed while a step's checkpoint was replaced, its former one is found again`() throws {
    let store = CheckpointStore(folder: checkpoints)
    try store.write(snapshot(1))
    try store.write(snapshot(2))
    try FileManager.default.moveItem(
      atPath: checkpoints + "/step-000002", toPath: checkpoints + "/.replaced-12-step-000002")
    #expect(CheckpointReader.newestGood(store).checkpoint?.info.step == 2)
    #expect(try names() == ["latest", "step-000001", "step-000002"])
  }

  @Test func `Folders that are called almost like a checkpoint are none`() throws {
    let store = CheckpointStore(folder: checkpoints)
    try store.write(snapshot(3))
    for name in ["step-4", "step-+00005", "step--00006", "step-0000007", "step-9x", "step-99999999999999999999"] {
      try folder.write("checkpoints/\(name)/state.json", [0])
    }
    #expect(store.steps == [3])
    let found = CheckpointReader.newestGood(store)
    #expect(found.checkpoint?.info.step == 3 && found.broken.isEmpty)
  }

  @Test(arguments: ["model.safetensors", "optimizer.safetensors", "state.json"])
  func `Whatever bit is flipped and wherever a file ends, it is named and the checkpoint before is taken`(
    file: String
  ) throws {
    let store = CheckpointStore(folder: checkpoints)
    try store.write(snapshot(1))
    try store.write(snapshot(2))
    let path = checkpoints + "/step-000002/" + file
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    var stream = RandomStream(RandomKey(3).appending(file))
    var isHarmless = 0
    for round in 0..<400 {
      var broken = whole
      let place = Int(stream.next() % UInt64(whole.count))
      if round % 2 == 0 { broken.removeLast(whole.count - place) } else { broken[place] ^= 1 << (stream.next() % 8) }
      try broken.write(to: URL(fileURLWithPath: path))
      do {
        _ = try CheckpointReader(checkpoints + "/step-000002")
        // White space of the text, or a number's last digit behind what a double holds.
        #expect(file == "state.json", "round \(round), byte \(place) was not noticed")
        isHarmless += 1
      } catch let error as CheckpointError {
        #expect("\(error)".hasPrefix(checkpoints + "/step-000002"), "\(error)")
        let found = CheckpointReader.newestGood(store)
        #expect(found.checkpoint?.info.step == 1)
        #expect(found.broken == ["\(error)"])
      }
    }
    #expect(isHarmless < 100)
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: CheckpointError.self) { try CheckpointReader(checkpoints + "/step-000002") }
    #expect(CheckpointReader.newestGood(store).checkpoint?.info.step == 1)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a small disk"))
  func `A full disk is a sentence, and the checkpoint before stays good`() throws {
    try FileManager.default.createDirectory(atPath: checkpoints, withIntermediateDirectories: true)
    let store = CheckpointStore(folder: checkpoints)
    guard mount("tmpfs", checkpoints, "tmpfs", 0, "size=256k") == 0 else { return }
    defer { umount2(checkpoints, Int32(MNT_DETACH)) }
    try store.write(snapshot(1))
    // Full but for two pages: the folder can be made and the first file begun.
    let filler = checkpoints + "/.filler", file = open(filler, O_WRONLY | O_CREAT, 0o600)
    let page = [UInt8](repeating: 1, count: 4096)
    while write(file, page, page.count) > 0 {}
    ftruncate(file, lseek(file, 0, SEEK_END) - 2 * 4096)
    close(file)
    do {
      try store.write(snapshot(2))
      Issue.record("a disk that is full took a second checkpoint")
    } catch {
      #expect(error is CheckpointWriteError)
      #expect("\(error)".contains("the checkpoint of step 2 could not be written"), "\(error)")
      #expect("\(error)".contains("No space left on device"), "\(error)")
    }
    #expect(try names() == [".filler", "latest", "step-000001"], "what could not be written is gone")
    #expect(CheckpointReader.newestGood(store).checkpoint?.info.step == 1)

    let writer = CheckpointWriter(store)
    try writer.write(snapshot(2))
    #expect(throws: CheckpointWriteError.self) { try writer.finish() }
  }

  @Test func `A folder that cannot be written is a sentence`() throws {
    // A file in the place of the folder: root may write into anything else.
    try folder.write("checkpoints", [0])
    #expect(throws: CheckpointWriteError.self) { try CheckpointStore(folder: checkpoints).write(snapshot(1)) }
  }
}
