import Communication
import Testing
import Training

/// Stored weights and their moving average, judged as the run judged them.
@Suite struct EvaluationRunTests {
  @Test func `A checkpoint's weights and their average have the figures that the run wrote down`() throws {
    let training = TinyTraining(), settings = ["optimizer.average={decay: 0.9}"]
    _ = try training.train("run", settings)
    let records = try MetricsLog.records(at: training.path("run") + "/metrics.jsonl")
    let experiment = try TinyTraining.experiment(settings, training.network)
    var losses: [Double] = []
    for (phase, isAveraged) in [("evaluate", false), ("evaluate_ema", true)] {
      let record = try #require(records.last { $0["phase"] == .text(phase) })
      let result = try EvaluationRun(
        experiment, checkpoint: training.path("run") + "/checkpoints/latest", isAveraged: isAveraged
      ).run(SoloCommunicator())
      #expect(result.metric("loss") == record.number("loss") && result.metric("top1") == record.number("top1"))
      losses.append(try #require(result.metric("loss")))
    }
    #expect(losses[0] != losses[1])
  }

  @Test func `Where no average is kept, a sentence says so`() throws {
    let training = TinyTraining()
    _ = try training.train("run")
    let checkpoint = training.path("run") + "/checkpoints/latest"
    let error = #expect(throws: CheckpointError.self) {
      try EvaluationRun(try TinyTraining.experiment([], training.network), checkpoint: checkpoint, isAveraged: true)
        .run(SoloCommunicator())
    }
    #expect(
      error?.description == checkpoint
        + " holds no moving average, which `optimizer.average` keeps; leave --average out")
  }
}
