import Foundation
import Pictures
import Tasks

/// What rank 0 leaves and shows of a run: `metrics.jsonl`, TensorBoard events, plots, the progress line, the last
/// table.
///
/// When the disk refuses a number of the run, the run ends (`ReportingError`): it goes on from its last checkpoint with
/// whole records once there is room. Pictures, which are drawn when everything is saved, are missed with a warning.
public final class RunLog {
  public let folder: String
  private let metrics: MetricsLog
  private let events: EventLog
  private let progress: ProgressLine
  private let isBrief: Bool
  private var evaluations: [(step: Int, epoch: Int, metrics: [Metric])] = []

  /// - Parameters:
  ///   - isBrief: whether only warnings stand above the progress line.
  ///   - resumedStep: lines of later steps are dropped: the resumed run writes them again.
  public init(
    folder: String, host: String, progress: ProgressLine, isBrief: Bool = false, resumedStep: Int?
  ) throws {
    self.folder = folder
    self.progress = progress
    self.isBrief = isBrief
    let pictures = folder + "/pictures"
    guard mkdir(pictures, 0o755) == 0 || errno == EEXIST else {
      throw ReportingError(path: pictures, action: "make", code: errno)
    }
    metrics = try MetricsLog(at: folder + "/metrics.jsonl", resumedStep: resumedStep)
    events = try EventLog(in: folder, host: host, resumedStep: resumedStep)
  }

  /// A sentence above the progress line; none of a brief log.
  public func announce(_ sentence: String) {
    if !isBrief { progress.announce(sentence) }
  }

  /// What somebody may have to act on, once: of a brief log too.
  public func warn(_ sentence: String) { progress.warn(sentence) }

  func step(_ report: StepReport) throws {
    var record = MetricRecord(phase: "train", step: report.step)
    record["epoch"] = .integer(report.epoch)
    record["loss"] = .number(report.loss)
    record["learning_rate"] = .number(report.learningRate)
    record["images_per_second"] = .number(report.imagesPerSecond)
    record["seconds"] = .number(report.secondsElapsed)
    if let split = report.split {
      record["compute_seconds"] = .number(split.compute)
      record["exposed_communication_seconds"] = .number(split.exposedCommunication)
      record["waiting_seconds"] = .number(split.waiting)
      record["data_seconds"] = .number(split.data)
    }
    try metrics.append(record)
    try events.append(record)
    progress.show(report)
  }

  /// - Parameter phase: `evaluate`, or `evaluate_ema` for the averaged parameters.
  func evaluation(_ result: Evaluation.Result, phase: String, step: Int, epoch: Int, total: Int) throws {
    var record = MetricRecord(phase: phase, step: step)
    record["epoch"] = .integer(epoch)
    for metric in result.metrics {
      record[metric.name] = metric.name == "samples" ? .integer(Int(metric.value)) : .number(metric.value)
    }
    record["seconds"] = .number(result.seconds)
    try metrics.append(record)
    try events.append(record)
    let samples = Int(result.metric("samples") ?? 0)
    let figures = result.metrics.filter { $0.name != "samples" }
      .map { "\($0.name) \(String(format: "%.3f", $0.value))" }
    announce(
      "\(phase) after epoch \(epoch), step \(step): \(figures.joined(separator: ", ")) "
        + "(\(samples) of \(total) samples, each once, \(String(format: "%.1f", result.seconds)) s)")
    if phase == "evaluate" { evaluations.append((step, epoch, result.metrics)) }
  }

  /// Leaves a drawing in the folder's `pictures/` and, under `group/name`, among TensorBoard's images.
  func picture(_ canvas: Canvas, group: String, name: String, step: Int) throws {
    let png = try canvas.pngBytes()
    attempt { try canvas.writePNG(to: "\(folder)/pictures/\(name).png") }
    try events.append(
      step: step, tag: "\(group)/\(name)", png: png, width: canvas.pixelWidth, height: canvas.pixelHeight)
  }

  /// Writes `run.yaml`, the run file as it was understood.
  func keep(_ runFile: String) throws(ReportingError) {
    try AppendedFile.replace(folder + "/run.yaml", with: Array(runFile.utf8))
  }

  /// Does what a finished run can do without: a warning tells that it went wrong.
  func attempt(_ work: () throws -> Void) {
    do { try work() } catch { warn("\(error)") }
  }

  /// Draws the plots and returns the summary table.
  func finish() -> String {
    progress.finish()
    let name = (folder as NSString).lastPathComponent
    attempt {
      let records = try MetricsLog.records(at: folder + "/metrics.jsonl")
      try RunPlots(run: name, records: records).write(into: folder + "/pictures")
    }
    let names = evaluations.last?.metrics.map(\.name).filter { $0 != "samples" } ?? []
    guard !names.isEmpty else { return "" }
    var table = SummaryTable(
      columns: [.init("epoch", .right), .init("step", .right)] + names.map { SummaryTable.Column($0, .right) })
    for evaluation in evaluations {
      table.append(
        ["\(evaluation.epoch)", "\(evaluation.step)"]
          + names.map { name in
            evaluation.metrics.first { $0.name == name }.map { String(format: "%.3f", $0.value) } ?? ""
          })
    }
    return table.text
  }
}
