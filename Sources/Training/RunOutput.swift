/// What rank 0 alone has of a run: what it shows and leaves.
struct RunOutput {
  let folder: String
  let log: RunLog
  let writer: CheckpointWriter
  let explanations: ExplanationPictures
  /// For a run with `run.trace`.
  let trace: StepTrace?

  /// Makes the files of the run in the folder that was chosen for it.
  /// - Throws: `ReportingError` when the disk refuses.
  init(
    _ run: TrainingRun, in start: RunStart, _ runners: NetworkRunners, _ evaluation: Evaluation, host: String
  ) throws {
    let settings = run.experiment.settings
    folder = start.folder
    log = try RunLog(
      folder: folder, host: host, progress: run.request.progress, isBrief: run.request.isBrief,
      // A run that was killed before its first checkpoint goes on from step 0, over what it had written.
      resumedStep: start.info?.step ?? (run.request.resume == nil ? nil : 0))
    let store = CheckpointStore(
      folder: folder + "/checkpoints", keepLast: settings.keepLast, keepBest: settings.keepBest)
    store.clean()
    writer = CheckpointWriter(store)
    explanations = ExplanationPictures(evaluation, runners, count: settings.explainedPictures)
    trace = settings.traces ? StepTrace(path: folder + "/trace.json", rank: 0, host: host) : nil
  }

  /// Says what became of a checkpoint that was still being written when the run failed: it must not be lost in silence.
  func tellFailure() {
    if let failure = writer.untoldFailure() { log.warn("\(failure)") }
  }

  /// Draws what a finished run leaves beside its numbers.
  /// - Returns: the summary.
  func finish(_ run: TrainingRun, _ runners: NetworkRunners, _ evaluation: Evaluation) -> String {
    if run.experiment.task.name == "classification" {
      log.attempt {
        try PredictionSheet(evaluation: evaluation).write(runners, to: folder + "/pictures/predictions.png")
      }
    }
    let hidden = trace?.hiddenShare.map { "communication hidden: \(NumberText.percent($0))\n" } ?? ""
    return log.finish() + hidden
  }
}
