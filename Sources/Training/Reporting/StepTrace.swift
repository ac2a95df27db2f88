import Communication
import Foundation
import Graphs

/// A few training steps of one rank on one clock, in Chrome's trace format, which Perfetto and chrome://tracing open:
/// the steps of the plan on the track of worker 0, the collectives on that of the communication thread.
///
/// Format: Trace Event Format (Google, 2016), complete events (`"ph": "X"`) and metadata. Times are in microseconds
/// from the first traced step.
package final class StepTrace {
  /// The steps that are traced, counted from 1 where the run begins or goes on: by then memory has been touched and the
  /// ranks have found their rhythm.
  package static let steps = 4...13
  /// Past so many events the trace ends with the step at hand: about 25 MiB on the disk.
  static let eventLimit = 200_000

  package let path: String
  private let rank: Int
  private let host: String
  private var taken = 0
  private var events: [Event] = []
  private var began: Int?
  private var phase: (name: String, start: Int)?
  private var stepStart = 0
  private var backwardEnd = 0
  private var communicated = 0
  private var hidden = 0

  /// The tracks of a rank.
  private enum Track: Int, Encodable { case worker, communication }

  private struct Event: Encodable {
    var name: String
    var cat: String
    var ph = "X"
    var ts: Double?
    var dur: Double?
    var pid: Int
    var tid: Track
    var args: [String: String]?
  }

  private struct File: Encodable {
    let traceEvents: [Event]
    let displayTimeUnit = "ms"
  }

  package init(path: String, rank: Int, host: String) {
    self.path = path
    self.rank = rank
    self.host = host
  }

  /// Whether the step under way is traced.
  private var isActive: Bool { Self.steps.contains(taken) && events.count < Self.eventLimit }

  /// Of the time in which gradients were summed over the ranks, the share that passed while this rank still computed
  /// the backward pass; `nil` before any sum was traced.
  package var hiddenShare: Double? { communicated == 0 ? nil : Double(hidden) / Double(communicated) }

  /// Whether the trace is complete.
  package var isDone: Bool { taken >= Self.steps.upperBound || events.count >= Self.eventLimit }
  package private(set) var isWritten = false

  package func beginStep() {
    taken += 1
    stepStart = Moment.now.nanoseconds
    if isActive { began = began ?? stepStart }
  }

  /// The training thread turns to something else: `data.next`, `gradients`, `update`.
  package func enter(_ name: String?) {
    guard isActive else { return }
    let now = Moment.now.nanoseconds
    if let phase { add(phase.name, "step", phase.start, now, .worker) }
    phase = name.map { ($0, now) }
  }

  /// The steps of a forward and a backward pass that have just run.
  package func add(_ runner: PlanRunner) {
    guard isActive else { return }
    let program = runner.plan.program
    for (step, (start, duration)) in zip(program.steps, zip(runner.stepStarts, runner.stepNanoseconds)) {
      let work = program.workCase(of: step)
      add(
        work.kind.name, work.kind.direction, Int(start), Int(start + duration), .worker,
        ["path": step.path, "shapes": work.shapes])
      backwardEnd = Int(start + duration)
    }
  }

  /// Takes what the communication thread did in this step.
  package func endStep(_ queue: ReductionQueue) {
    guard isActive else { return }
    enter(nil)
    for record in queue.records() where record.started.nanoseconds >= stepStart {
      let start = record.started.nanoseconds, end = record.ended.nanoseconds
      add(record.name, "communication", start, end, .communication)
      guard queue.size > 1, record.name.hasPrefix(ReplicaSum.bucketName) else { continue }
      communicated += end - start
      hidden += max(0, min(end, backwardEnd) - start)
    }
  }

  /// Writes the file, unless no step was traced.
  /// - Throws: `ReportingError` when the disk refuses.
  package func write() throws {
    isWritten = true
    guard began != nil else { return }
    let names = [
      Event(name: "process_name", cat: "", ph: "M", pid: rank, tid: .worker, args: ["name": "rank \(rank) (\(host))"]),
      Event(name: "thread_name", cat: "", ph: "M", pid: rank, tid: .worker, args: ["name": "worker 0"]),
      Event(name: "thread_name", cat: "", ph: "M", pid: rank, tid: .communication, args: ["name": "communication"]),
    ]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AppendedFile.replace(path, with: Array(encoder.encode(File(traceEvents: names + events))))
  }

  /// What the log says of the trace.
  package var sentence: String {
    if began == nil { return "no trace: it begins with step \(Self.steps.lowerBound) of a run" }
    let last = min(taken, Self.steps.upperBound)
    let hidden = hiddenShare.map { "; communication hidden behind the backward pass: \(NumberText.percent($0))" } ?? ""
    return "trace of steps \(Self.steps.lowerBound) to \(last) in \(path)" + hidden
  }

  private func add(
    _ name: String, _ category: String, _ start: Int, _ end: Int, _ track: Track, _ details: [String: String]? = nil
  ) {
    events.append(
      Event(
        name: name, cat: category, ts: Double(start - (began ?? start)) * 1e-3, dur: Double(end - start) * 1e-3,
        pid: rank, tid: track, args: details))
  }
}
