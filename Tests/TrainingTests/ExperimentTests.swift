import Configuration
import Testing
import Training

/// Settings of different sections that do not go together.
@Suite struct ExperimentTests {
  @Test(arguments: [
    (
      ["optimizer.name=lamb", "distributed.shard_optimizer=true"],
      "optimizer.name: lamb takes the norms of whole tensors, of which ranks that share the update out have pieces; "
        + "take distributed.shard_optimizer=false, or adamw"
    ),
    (
      ["optimizer.clip_adaptive=0.01", "distributed.shard_optimizer=true"],
      "optimizer.clip_adaptive: takes the norms of whole filters, of which ranks that share the update out have "
        + "pieces; take distributed.shard_optimizer=false, or clip_norm"
    ),
    (
      ["schedule.name=onecycle"],
      "schedule.cycle_momentum: moves a momentum that sgd does not have; set optimizer.momentum, or this to false"
    ),
  ])
  func `Settings that do not go together are a sentence`(settings: [String], sentence: String) throws {
    let error = #expect(throws: ConfigError.self) { try TinyTraining.experiment(settings) { SmallNetwork() } }
    #expect(error?.description.hasSuffix(sentence) == true, "\(error as Any)")
  }

  @Test func `One cycle moves the momentum of a rule that has one`() throws {
    for settings in [["optimizer.momentum=0.9"], ["optimizer.name=lamb"], ["schedule.cycle_momentum=false"]] {
      let experiment = try TinyTraining.experiment(["schedule.name=onecycle"] + settings) { SmallNetwork() }
      let schedule = try experiment.schedule(stepsPerEpoch: 4, totalSteps: 8)
      #expect((schedule.momentum(at: 0) == nil) == (settings == ["schedule.cycle_momentum=false"]))
    }
  }
}
