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

  @Test func `A run on the data of another reads everything else anew and keeps its whole file`() throws {
    let first = try TinyTraining.experiment(["optimizer.momentum=0.5"]) { SmallNetwork() }
    func other(_ settings: [String]) throws -> Experiment {
      try Experiment(RunFile(text: TinyTraining.text, overrides: settings), onDataOf: first) { model, _ in
        _ = try model.string("name")
        return SmallNetwork()
      }
    }
    // Of the section `data` the other run's counts, whatever this one's says: here there would be no samples.
    let second = try other(["run.seed=9", "data.root=nowhere", "data.name=cifar10"])
    #expect(second.settings.seed == 9 && second.training.count == 64 && second.optimizer.name == "sgd")
    let alone = try TinyTraining.experiment(["run.seed=9"]) { SmallNetwork() }
    #expect(second.file.resolvedYAML() == alone.file.resolvedYAML())
    let error = #expect(throws: ConfigError.self) { try other(["optimizer.momentun=0.5"]) }
    #expect(error?.description.contains("momentun") == true, "\(error as Any)")
  }

  @Test func `One cycle moves the momentum of a rule that has one`() throws {
    for settings in [["optimizer.momentum=0.9"], ["optimizer.name=lamb"], ["schedule.cycle_momentum=false"]] {
      let experiment = try TinyTraining.experiment(["schedule.name=onecycle"] + settings) { SmallNetwork() }
      let schedule = try experiment.schedule(stepsPerEpoch: 4, totalSteps: 8)
      #expect((schedule.momentum(at: 0) == nil) == (settings == ["schedule.cycle_momentum=false"]))
    }
  }
}
