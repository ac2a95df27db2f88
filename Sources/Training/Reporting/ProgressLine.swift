/// The one line of a job that tells how it goes: redrawn in place on a terminal, now and then a new line elsewhere.
///
/// Prints nothing itself: the program says where the text goes.
public final class ProgressLine {
  /// What the text is shown on.
  public enum Display {
    /// A terminal of so many columns, asked for each time because windows change.
    case terminal(columns: () -> Int)
    /// A file or a pipe: at most one line in so many seconds.
    case plain(intervalSeconds: Double)
  }

  private let display: Display
  private let write: (String) -> Void
  private var shownAt: Double?
  private var warned: Set<String> = []
  /// What stands on the terminal's last line.
  private var current = ""

  public init(_ display: Display, write: @escaping (String) -> Void) {
    self.display = display
    self.write = write
  }

  /// Shows a step, unless one was shown a moment ago; the first and the last step are always shown.
  public func show(_ report: StepReport) {
    let interval: Double
    switch display {
    // Faster redrawing flickers and floods a slow connection.
    case .terminal: interval = 0.1
    case .plain(let seconds): interval = seconds
    }
    if let shownAt, !report.isLast, 0..<interval ~= report.secondsElapsed - shownAt { return }
    shownAt = report.secondsElapsed
    switch display {
    case .terminal(let columns):
      // A line that fills the last column makes some terminals wrap.
      current = Self.line(for: report, columns: max(1, columns() - 1))
      write("\r\(current)\u{1B}[K")
    case .plain:
      write(Self.line(for: report) + "\n")
    }
  }

  /// Writes a line of its own, above the progress line where there is one.
  public func announce(_ text: String) {
    if case .terminal = display, !current.isEmpty {
      write("\r\u{1B}[K\(text)\n\(current)")
    } else {
      write(text + "\n")
    }
  }

  /// Writes a line that begins with `warning: `, unless it was written before: what is wrong with a machine is so for
  /// all the runs that share a line.
  public func warn(_ sentence: String) {
    if warned.insert(sentence).inserted { announce("warning: \(sentence)") }
  }

  /// Leaves the last state standing and the cursor on a fresh line; another run may begin.
  public func finish() {
    if !current.isEmpty { write("\n") }
    current = ""
    shownAt = nil
  }

  /// The text for a step: as many of its parts as fit, the dispensable left out first.
  /// - Parameter columns: `nil` sets no limit.
  public static func line(for report: StepReport, columns: Int? = nil) -> String {
    var parts = parts(of: report)
    func joined() -> String { parts.map(\.text).joined(separator: "  ") }
    guard let columns else { return joined() }
    while joined().displayWidth > columns, parts.count > 1 {
      let last = parts.map(\.rank).max()!
      parts.removeAll { $0.rank == last }
    }
    return joined().shortened(toWidth: columns)
  }

  /// The parts in the order of reading; those of the highest rank are the first to go.
  private static func parts(of report: StepReport) -> [(rank: Int, text: String)] {
    var parts: [(rank: Int, text: String)] = []
    parts.append((6, "epoch \(report.epoch)" + (report.totalEpochs.map { "/\($0)" } ?? "")))
    parts.append((0, "step \(NumberText.grouped(report.step))/\(NumberText.grouped(report.totalSteps))"))
    parts.append((1, "loss \(NumberText.fixed(report.loss, decimals: 4))"))
    if let metric = report.metric {
      let unit = metric.unit.isEmpty ? "" : " \(metric.unit)"
      parts.append((4, "\(metric.name) \(NumberText.fixed(metric.value, decimals: 2))\(unit)"))
    }
    parts.append((7, "lr \(NumberText.significant(report.learningRate, digits: 3))"))
    let speed = report.imagesPerSecond
    let isWhole = 100..<1e15 ~= speed
    parts.append(
      (3, (isWhole ? NumberText.grouped(Int(speed.rounded())) : NumberText.fixed(speed, decimals: 1)) + " images/s"))
    if let share = report.shareOfPeak { parts.append((5, "\(NumberText.percent(share)) of peak")) }
    if report.isLast {
      parts.append((2, "took \(NumberText.duration(report.secondsElapsed))"))
    } else if let left = report.secondsLeft {
      parts.append((2, "\(NumberText.duration(left)) left"))
    }
    if let split = report.split, split.total > 0 { parts.append((8, "(\(text(of: split)))")) }
    return parts
  }

  private static func text(of split: StepReport.Split) -> String {
    func share(_ seconds: Double) -> String { NumberText.percent(seconds / split.total) }
    var waiting = "waiting \(share(split.waiting))"
    if let rank = split.slowestRank {
      waiting += " for rank \(rank)" + (split.slowestHost.map { " on \($0)" } ?? "")
    }
    return [
      "compute \(share(split.compute))", "communication \(share(split.exposedCommunication))", waiting,
      "data \(share(split.data))", "other \(share(split.other))",
    ].joined(separator: ", ")
  }
}
