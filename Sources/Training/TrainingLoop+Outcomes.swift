import Communication
import Graphs
import Tasks

/// What comes of the steps: evaluations, checkpoints, reports, a trace.
extension TrainingLoop {
  /// Judges the model, and its moving average where there is one. Returns whether somebody asked to stop meanwhile.
  func evaluate() throws -> Bool {
    let isStopRequested = { [unowned self] in self.isStopRequested }
    let result = try evaluation.run(runners, queue: queue, isStopRequested: isStopRequested)
    if result.wasStopped { return true }
    let averaged = try update.average.map { _ in
      try update.withAverage { try evaluation.run(runners, queue: queue, isStopRequested: isStopRequested) }
    }
    if let averaged, averaged.wasStopped { return true }
    metric = result.metrics.first
    if let metric, bestMetric.map({ metric.isBetterHigher ? metric.value > $0 : metric.value < $0 }) ?? true {
      bestMetric = metric.value
    }
    for sentence in skipped.note(result.broken) { output?.log.warn(sentence) }
    try tell(result, phase: "evaluate")
    // A run that was told to do a few steps only has an evaluation more, which must not change what it does later.
    let every = course.steps(experiment.settings.evaluateEvery)
    if every > 0, step % every == 0, let sentence = update.judge(result.metrics, after: step) {
      output?.log.announce(sentence)
    }
    if let averaged { try tell(averaged, phase: "evaluate_ema") }
    if let output { try output.explanations.write(to: output.log, step: step) }
    interval.restart()
    return false
  }

  private func tell(_ result: Evaluation.Result, phase: String) throws {
    try output?.log.evaluation(
      result, phase: phase, step: step, epoch: course.epochs(after: step), total: evaluation.dataset.count)
  }

  /// Keeps the model as it stands: all ranks gather it, rank 0 writes it.
  func save() throws {
    let blocks = try update.wholeBlocks(over: queue)
    guard let writer = output?.writer else { return }
    let (epoch, within) = step.quotientAndRemainder(dividingBy: course.schedule.stepsPerEpoch)
    var info = CheckpointInfo(
      step: step, epoch: epoch, stepInEpoch: within, seed: experiment.settings.seed,
      replicas: course.assignment.replicas, globalBatch: experiment.settings.globalBatch, metric: metric?.value,
      bestMetric: bestMetric, isBetterHigher: metric?.isBetterHigher ?? true, plateau: update.plateau,
      classNames: experiment.training.classNames, runFile: experiment.file.resolvedYAML())
    info.convolutions = runners.convolutions
    try writer.write(Snapshot(info, runners.state, blocks: blocks))
    metric = nil
  }

  /// Gathers what the ranks measured since the last report; rank 0 shows it.
  func report() throws {
    let own = interval.own.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
    let all = try queue.run("step report") { try $0.allGather("step report", own) }
    let report = interval.report(
      all, hosts: queue.hostNames, step: step, totalSteps: course.totalSteps, epoch: course.epochs(after: step),
      totalEpochs: course.totalEpochs, rate: update.rate(step: step - 1))
    for sentence in skipped.note(try queue.gather(loader.broken.samples)) { output?.log.warn(sentence) }
    try output?.log.step(report)
    interval.restart()
  }

  func endTracedStep() throws {
    guard let trace = output?.trace, !trace.isWritten else { return }
    trace.endStep(queue)
    if trace.isDone { try writeTrace() }
  }

  func writeTrace() throws {
    guard let trace = output?.trace, !trace.isWritten else { return }
    try trace.write()
    output?.log.announce(trace.sentence)
  }
}
