import Communication
import Training

/// The line of a link as `--json` prints it, distance by distance.
struct LinkReport: Encodable {
  let lines: [Line]
  /// Whether it was measured between the ranks of this job.
  let isMeasured: Bool
  let additionSecondsPerByte: Double
  let sentence: String

  struct Line: Encodable {
    /// Of the ranks that swap messages.
    let distance: Int
    let latencySeconds: Double
    let bytesPerSecond: Double
  }

  init(_ model: LinkModel, isMeasured: Bool) {
    lines = model.lines.enumerated().map {
      Line(distance: 1 << $0, latencySeconds: $1.latencySeconds, bytesPerSecond: $1.bytesPerSecond)
    }
    self.isMeasured = isMeasured
    additionSecondsPerByte = model.additionSecondsPerByte
    sentence = model.sentence
  }
}
