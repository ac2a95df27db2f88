import Configuration
import Testing
import Training

/// Settings of different sections that do not go together.
@Suite struct ExperimentTests {
  @Test func `One cycle needs a momentum to move`() throws {
    let error = #expect(throws: ConfigError.self) {
      try TinyTraining.experiment(["schedule.name=onecycle"]) { SmallNetwork() }
    }
    #expect(
      error?.description.hasSuffix(
        "schedule.cycle_momentum: moves a momentum that sgd does not have; set optimizer.momentum, or this to false")
        == true, "\(error as Any)")
  }

  @Test func `One cycle moves the momentum of a rule that has one`() throws {
    for settings in [["optimizer.momentum=0.9"], ["optimizer.name=lamb"], ["schedule.cycle_momentum=false"]] {
      let experiment = try TinyTraining.experiment(["schedule.name=onecycle"] + settings) { SmallNetwork() }
      let schedule = try experiment.schedule(stepsPerEpoch: 4, totalSteps: 8)
      #expect((schedule.momentum(at: 0) == nil) == (settings == ["schedule.cycle_momentum=false"]))
    }
  }
}
