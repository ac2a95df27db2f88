import Compute
import Datasets
import Foundation
import Graphs
import Layers
import Testing
import Training

/// A step that is kept, and what its replay says.
@Suite struct CapsuleTests {
  @Test func `A step of 1, 2 and 4 ranks replays to the bits of the run, without its data`() throws {
    var training = TinyTraining()
    let plain = try training.train("plain", ["run.capture_spikes=0"])
    #expect(!plain.contains { $0.contains("replay") }, "nothing is kept that nobody asked for")
    var infos: [CapsuleInfo] = []
    for ranks in [1, 2, 4] {
      let name = "ranks\(ranks)", lines = try training.train(name, ["run.capture_step=3"], ranks: ranks)
      let place = training.path(name) + "/capsules/step-000003"
      let sentence = "step 3: run.capture_step asks for it: `trainer replay \(place)` runs it again"
      #expect(lines.contains { $0.contains(sentence) }, "\(lines)")
      let capsule = try training.capsule(name, step: 3)
      for threads in [1, 2] {
        let result = try training.replay(capsule, threads: threads)
        #expect(result.isFinite && result.isAsRecorded && result.gradientsAreAsRecorded == true)
        #expect(result.loss == capsule.info.outcome.loss, "the step's loss too, to the last bit")
        #expect(abs(result.gradientNorm / capsule.info.outcome.gradientNorm - 1) < 1e-9)
        #expect(result.replicas.map(\.rank) == (0..<4).map { $0 * ranks / 4 })
      }
      infos.append(capsule.info)
    }
    let first = infos[0]
    #expect(infos.allSatisfy { $0.outcome == first.outcome && $0.replicas == first.replicas })
    #expect(infos.allSatisfy { $0.gradientChecksum == first.gradientChecksum && $0.history == first.history })
    #expect(infos.map(\.ranks) == [1, 2, 4])
    #expect(first.history.map(\.step) == [1, 2] && first.outcome.learningRate == 0.05)
    // The samples are those that the third step has.
    let experiment = try TinyTraining.experiment { SmallNetwork() }
    let order = EpochOrder(count: 64, seed: 3, epoch: 0)
    #expect(first.replicas.flatMap(\.indices) == (32..<48).map(order.index))
    #expect(first.replicas[2].names == first.replicas[2].indices.map(experiment.training.name))
    // Another network is another step: the comparison is one.
    training.network = { SmallNetwork(hasNorm: true, slope: 0.5) }
    let other = try training.replay(try training.capsule("ranks4", step: 3))
    #expect(other.isFinite && !other.isAsRecorded && other.gradientsAreAsRecorded == false)
  }

  @Test func `A step of mixed, repeated and erased samples is the same on 1, 2 and 4 ranks, and replays`() throws {
    let training = TinyTraining()
    let recipe = [
      "data.mix={mixup_alpha: 0.8, cutmix_alpha: 1, mode: elem}", "data.repeats=2",
      "data.augment=[rand_augment, random_erasing]", "run.capture_step=3",
    ]
    var checksums: Set<UInt32> = [], models: Set<Data> = []
    for ranks in [1, 2, 4] {
      let name = "ranks\(ranks)", lines = try training.train(name, recipe, ranks: ranks)
      let sentence =
        "augmentation: rand_augment, random_erasing; mixup 0.8 or cutmix 1.0 by elem; each sample 2 times a step"
      #expect(lines.contains { $0.contains(sentence) }, "\(lines)")
      let capsule = try training.capsule(name, step: 3)
      let mixture = try #require(try capsule.batch(replica: 1).mixture)
      #expect(mixture.shares.contains { $0 < 1 })
      #expect(Set(capsule.info.replicas.flatMap(\.indices)).count == 8, "eight samples, each twice")
      let result = try training.replay(capsule)
      #expect(result.isFinite && result.isAsRecorded && result.gradientsAreAsRecorded == true)
      let (sample, loss) = result.worst[0]
      #expect(loss > 0 && result.info.replicas[sample.replica].indices[sample.position] == sample.index)
      checksums.insert(capsule.info.gradientChecksum)
      models.insert(
        try Data(contentsOf: URL(fileURLWithPath: training.path(name) + "/checkpoints/latest/model.safetensors")))
    }
    #expect(checksums.count == 1 && models.count == 1)
  }

  @Test func `A kept step changes no bit of the training`() throws {
    let training = TinyTraining()
    try training.train("plain")
    try training.train("kept", ["run.capture_step=2"], ranks: 2)
    let models = try ["plain", "kept"].map {
      try Data(contentsOf: URL(fileURLWithPath: training.path($0) + "/checkpoints/latest/model.safetensors"))
    }
    #expect(models[0] == models[1])
  }

  @Test func `Losses of samples add up to those of replicas, and the largest are named`() throws {
    let training = TinyTraining()
    try training.train("run", ["run.capture_step=1"])
    let result = try training.replay(try training.capsule("run", step: 1))
    #expect(result.worst.count == StepReplay.worstListed)
    #expect(result.worst.map(\.loss) == result.worst.map(\.loss).sorted(by: >))
    let (sample, loss) = result.worst[0]
    #expect(result.info.replicas[sample.replica].indices[sample.position] == sample.index)
    #expect(loss < result.replicas[sample.replica].loss && 4 * loss > result.replicas[sample.replica].loss)
  }

  @Test(arguments: [1, 2, 4])
  func `One bad sample is named with its replica and node, as the debug mode names it`(ranks: Int) throws {
    // The brightest scene alone springs the trap.
    let experiment = try TinyTraining.experiment { SmallNetwork() }
    let brightness = try (0..<64).map { index -> Float in
      var pixels = [Float](repeating: 0, count: 16 * 16 * 3)
      let sample = try experiment.training.sample(at: index, minimumSide: nil)
      try pixels.withUnsafeMutableBufferPointer {
        try experiment.trainingPipeline.write(sample.image, key: RandomKey(0), to: $0.baseAddress!)
      }
      return stride(from: 0, to: pixels.count, by: 3).reduce(0) { $0 + pixels[$1] } / 256
    }
    let sorted = brightness.sorted(by: >), threshold = (sorted[0] + sorted[1]) / 2
    let target = brightness.firstIndex(of: sorted[0])!, order = EpochOrder(count: 64, seed: 3, epoch: 0)
    let position = (0..<64).first { order.index(at: $0) == target }!
    let step = position / 16 + 1, replica = position % 16 / 4

    var training = TinyTraining()
    training.network = { BrightnessTrap(threshold: threshold) }
    let error = try #require(throws: LossError.self) { try training.train("run", ranks: ranks) }
    #expect(error.fault == .loss && error.outcome.step == step)
    let place = training.path("run") + "/capsules/step-00000\(step)"
    #expect(error.capsule == .kept(path: place))
    #expect("\(error)".contains(try Regex("the loss is (nan|inf) at step \(step)")), "\(error)")
    #expect("\(error)".contains("`trainer replay \(place)`"))
    #expect(error.before.count == min(step - 1, 3))
    #expect("\(error)".contains("in replica \(replica) (rank \(replica * ranks / 4))"), "\(error)")

    let result = try training.replay(try CapsuleReader(place))
    let bad = try #require(result.badValue)
    #expect(bad.replica == replica && bad.rank == replica * ranks / 4 && bad.pass == .forward)
    #expect(bad.samples.map(\.index) == [target] && bad.suspect?.position == position % 4)
    #expect(bad.suspect?.name == experiment.training.name(of: target))
    #expect(result.replicas.map(\.isBad) == (0..<4).map { $0 == replica })
    #expect(result.isAsRecorded, "the bad replica's loss is as bad, the others' have their bits")
    #expect(result.trail.last.map { $0.largest > 1e20 } == true, "\(result.trail)")

    guard ranks == 1 else { return }
    let debugged = try #require(throws: StepFailure.self) { try training.train("debug", isDebugging: true) }
    let found = try #require(debugged.cause as? NonFiniteValue)
    #expect(debugged.step == step && found.path == bad.path && found.isForward && found.replica == replica)
    #expect("\(found)".contains("sample \(position % 4): \(experiment.training.name(of: target)) (index \(target))"))
  }

  @Test func `A gradient that is not finite ends the run before it becomes a parameter`() throws {
    var training = TinyTraining()
    training.network = { SteepGain() }
    let error = try #require(throws: LossError.self) { try training.train("run", ranks: 2) }
    #expect(error.fault == .gradient(path: "gain") && error.outcome.loss.isFinite)
    #expect("\(error)".contains("the gradient of gain is not finite at step 1"))
    let result = try training.replay(try training.capsule("run", step: 1))
    let bad = try #require(result.badValue)
    #expect(bad.pass == .backward && bad.replica == 0 && bad.path.contains("divide"), "\(bad)")
    #expect(bad.samples.isEmpty, "a parameter's gradient has no samples")
    #expect(result.isAsRecorded)
  }

  @Test func `Gradients that overflow only as the sum over replicas are told from bad values`() throws {
    var training = TinyTraining()
    training.network = { UnusedClasses() }
    let error = try #require(throws: LossError.self) { try training.train("run", ranks: 4) }
    #expect(error.fault == .gradient(path: "gain") && error.outcome.step == 1)
    let result = try training.replay(try training.capsule("run", step: 1))
    #expect(result.badValue == nil, "\(result.trail)\n\(result.worst)")
    #expect(result.overflow == "gain" && result.badWeight == nil && !result.isFinite)
    #expect(result.isAsRecorded && result.replicas.allSatisfy { !$0.isBad })
  }

  @Test func `A short last batch and a sum in any order replay too`() throws {
    let training = TinyTraining()
    try training.train("short", ["run.capture_step=2", "run.steps=2", "data.training_scenes=18"], ranks: 2)
    let short = try training.replay(try training.capsule("short", step: 2))
    #expect(short.replicas.map(\.samples) == [0, 1, 0, 1], "two samples are left for four replicas")
    #expect(short.isFinite && short.isAsRecorded && short.gradientsAreAsRecorded == true)
    let fast = ["distributed.replicas=3", "data.batch=12", "run.capture_step=2"]
    try training.train("fast", fast, ranks: 3)
    let unordered = try training.replay(try training.capsule("fast", step: 2))
    #expect(unordered.isFinite && unordered.isAsRecorded && unordered.gradientsAreAsRecorded == nil)
  }

  @Test func `A running statistic that is not finite ends the run`() throws {
    var training = TinyTraining()
    training.network = { HugeStatistic() }
    let error = try #require(throws: LossError.self) { try training.train("run") }
    #expect(error.fault == .statistic(path: "huge.running_var"), "\(error)")
    #expect(try training.replay(try training.capsule("run", step: 1)).badValue?.pass == .forward)
  }

  @Test func `A run of spikes leaves three capsules at most, and goes on`() throws {
    var training = TinyTraining()
    training.network = { SmallNetwork() }
    // Weights that decay by 2.1 of themselves: each step turns them round, a tenth larger.
    let lines = try training.train(
      "run", ["run.capture_spikes=1", "run.steps=40", "optimizer.weight_decay=42", "optimizer.clip_norm=0.001"],
      ranks: 2)
    let kept = try FileManager.default.contentsOfDirectory(atPath: training.path("run") + "/capsules")
    #expect(kept.count == 3, "\(kept)")
    #expect(lines.contains { $0.contains(/times the median of the \d+ before: `trainer replay/) }, "\(lines.suffix(9))")
    let refusals = lines.filter { $0.contains("it is not kept for a replay") }
    #expect(refusals.count == 1 && refusals[0].contains("holds 3 already"), "said once: \(refusals)")
    #expect(lines.contains { $0.contains("step 40/40") })
  }

  @Test func `A capsule that cannot be written is a warning`() throws {
    let training = TinyTraining()
    try FileManager.default.createDirectory(atPath: training.path("run"), withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: training.path("run") + "/capsules"))
    let lines = try training.train("run", ["run.capture_step=2"], ranks: 2)
    let warning = "warning: step 2: run.capture_step asks for it, and it is not kept"
    #expect(lines.contains { $0.contains(warning) }, "\(lines)")
    #expect(lines.contains { $0.contains("step 4/4") })
  }

  @Test(arguments: ["capsule.json", "model.safetensors", "replica-001.safetensors"])
  func `Whatever bit is flipped and wherever a file ends, the capsule is refused by name`(file: String) throws {
    let training = TinyTraining()
    try training.train("run", ["run.capture_step=1", "run.steps=1"])
    let capsule = training.path("run") + "/capsules/step-000001", path = capsule + "/" + file
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    var stream = RandomStream(RandomKey(7).appending(file))
    var refused = 0
    for round in 0..<60 {
      var broken = whole
      let place = Int(stream.next() % UInt64(whole.count))
      if round % 4 == 0 { broken.removeLast(whole.count - place) } else { broken[place] ^= 1 << (stream.next() % 8) }
      try broken.write(to: URL(fileURLWithPath: path))
      do { _ = try CapsuleReader(capsule) } catch let error as CheckpointError {
        #expect("\(error)".hasPrefix(path), "\(error)")
        refused += 1
      }
    }
    // White space of the text may be another.
    #expect(file == "capsule.json" ? refused > 30 : refused == 60)
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: CheckpointError.self) { try CapsuleReader(capsule) }
  }
}
