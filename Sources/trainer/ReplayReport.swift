import Communication
import Training

/// What `trainer replay` prints: a table of replicas, and a verdict.
struct ReplayReport: Encodable {
  struct Replica: Encodable {
    let replica, rank, samples: Int
    let loss, recordedLoss: Double
    let isFinite: Bool
  }

  struct Sample: Encodable {
    let replica, position, index: Int
    let name: String
    var loss: Double?

    init(_ sample: ReplayResult.Sample, loss: Double? = nil) {
      (replica, position, index, name) = (sample.replica, sample.position, sample.index, sample.name)
      self.loss = loss
    }

    var text: String { "sample \(position) (\(name), index \(index))" }
  }

  struct Node: Encodable {
    let path, pass: String
    let largest: Double
    let sample: Sample?

    init(_ visit: ReplayResult.Visit) {
      (path, pass, largest) = (visit.path, visit.pass.rawValue, Double(visit.largest))
      sample = visit.sample.map { Sample($0) }
    }
  }

  struct BadNode: Encodable {
    let path, pass: String
    let value: Double
    let replica, rank, badValues: Int
    let shape: [Int]
    let samples: [Sample]
    let suspect: OrNull<Sample>

    init(_ bad: ReplayResult.BadValue) {
      (path, pass, value) = (bad.path, bad.pass.rawValue, Double(bad.value))
      (replica, rank, badValues, shape) = (bad.replica, bad.rank, bad.badCount, bad.shape)
      samples = bad.samples.map { Sample($0) }
      suspect = OrNull(bad.suspect.map { Sample($0) })
    }
  }

  struct Step: Encodable {
    let step: Int
    let loss, gradientNorm, learningRate: Double

    init(_ outcome: StepOutcome) {
      (step, loss, gradientNorm) = (outcome.step, outcome.loss, outcome.gradientNorm)
      learningRate = outcome.learningRate
    }
  }

  let step, ranks: Int
  let reason, remark: String
  let loss, recordedLoss, gradientNorm, recordedGradientNorm: Double
  let isFinite, isAsRecorded: Bool
  let gradientsAreAsRecorded: OrNull<Bool>
  /// Oldest first; the recorded step is the last.
  let steps: [Step]
  let replicas: [Replica]
  /// What was not finite before the step.
  let badWeight: OrNull<String>
  let badNode: OrNull<BadNode>
  let nodesBefore: [Node]
  let overflowingGradient: OrNull<String>
  let largest: OrNull<Node>
  let worstSamples: [Sample]

  init(_ result: ReplayResult) {
    let info = result.info
    (step, ranks, reason, remark) = (info.step, info.ranks, info.reason.rawValue, info.remark)
    (loss, recordedLoss) = (result.loss, info.outcome.loss)
    (gradientNorm, recordedGradientNorm) = (result.gradientNorm, info.outcome.gradientNorm)
    (isFinite, isAsRecorded) = (result.isFinite, result.isAsRecorded)
    gradientsAreAsRecorded = OrNull(result.gradientsAreAsRecorded)
    replicas = result.replicas.enumerated().map { number, replica in
      Replica(
        replica: number, rank: replica.rank, samples: replica.samples, loss: replica.loss,
        recordedLoss: replica.recorded, isFinite: !replica.isBad)
    }
    steps = (info.history + [info.outcome]).map(Step.init)
    badWeight = OrNull(result.badWeight)
    badNode = OrNull(result.badValue.map(BadNode.init))
    nodesBefore = result.trail.map(Node.init)
    overflowingGradient = OrNull(result.overflow)
    largest = OrNull(result.largest.map(Node.init))
    worstSamples = result.worst.map { Sample($0.sample, loss: $0.loss) }
  }

  /// Without `--json`.
  var text: String {
    "step \(step) of a run on \(ranks.of("rank")), kept because \(remark)\n\n" + stepTable + replicaTable + sampleTable
      + nodeTable + verdict
  }

  /// How the run came to this step.
  private var stepTable: String {
    var table = SummaryTable(columns: [
      .init("step", .right), .init("loss", .right), .init("gradient norm", .right), .init("learning rate", .right),
    ])
    for step in steps.suffix(Self.stepsShown) {
      table.append(["\(step.step)", number(step.loss), number(step.gradientNorm), number(step.learningRate)])
    }
    return table.text + "\n"
  }

  private static let stepsShown = 6

  private var replicaTable: String {
    var table = SummaryTable(columns: [
      .init("replica", .right), .init("rank", .right), .init("samples", .right), .init("mean loss", .right),
      .init("recorded", .right), .init(""),
    ])
    for replica in replicas {
      func mean(_ sum: Double) -> String { number(sum / Double(max(replica.samples, 1))) }
      table.append([
        "\(replica.replica)", "\(replica.rank)", "\(replica.samples)", mean(replica.loss), mean(replica.recordedLoss),
        replica.isFinite ? "" : "not finite",
      ])
    }
    return table.text + "\n"
  }

  /// Whose losses are the largest: what a spike comes from.
  private var sampleTable: String {
    // Where every loss is bad, none stands out.
    guard worstSamples.contains(where: { $0.loss?.isFinite ?? false }) else { return "" }
    var table = SummaryTable(columns: [
      .init("largest loss", .right), .init("replica", .right), .init("sample", .right), .init("index", .right),
      .init("name"),
    ])
    for sample in worstSamples {
      table.append([
        number(sample.loss ?? .nan), "\(sample.replica)", "\(sample.position)", "\(sample.index)", sample.name,
      ])
    }
    return table.text + "\n"
  }

  /// How magnitudes grew before the bad node.
  private var nodeTable: String {
    guard let bad = badNode.value else { return "" }
    var table = SummaryTable(columns: [
      .init("node of replica \(bad.replica)"), .init("pass"), .init("largest |value|", .right),
      .init("sample", .right),
    ])
    for node in nodesBefore {
      table.append([node.path, node.pass, number(node.largest), node.sample.map { "\($0.position)" } ?? ""])
    }
    table.append([bad.path, bad.pass, "\(bad.value)", bad.suspect.value.map { "\($0.position)" } ?? ""])
    return table.text + "\n"
  }

  private var verdict: String {
    if let bad = badNode.value {
      let count = bad.shape.reduce(1, *)
      return "step \(step): the first value that is not finite is \(bad.value) at \(bad.path) in the \(bad.pass)"
        + "\(bad.pass == "input" ? "s" : " pass") of replica \(bad.replica) (rank \(bad.rank) of the run)"
        + "\(culprit(bad)); \(bad.badValues) of \(count) values are not finite there, in "
        + "\(replicas.count { !$0.isFinite }) of \(replicas.count.of("replica"))" + weight + recording
    }
    if let path = overflowingGradient.value {
      return "step \(step): every replica's values are finite, but the sum of their gradients of \(path) is not"
        + weight + recording
    }
    if let path = badWeight.value { return "step \(step): \(path) was not finite before the step" + recording }
    let largest = largest.value.map { "; largest |value| \(number($0.largest)) at \($0.path) (\($0.pass))" } ?? ""
    return "step \(step): loss \(number(loss))\(isAsRecorded ? " as recorded" : ""), every value finite\(largest)"
      + recording
  }

  private var weight: String { badWeight.value.map { "; \($0) was not finite before the step" } ?? "" }

  private func culprit(_ bad: BadNode) -> String {
    if bad.samples.count == 1 { return ", \(bad.samples[0].text)" }
    let spread = bad.samples.isEmpty ? "" : ", in \(bad.samples.count) samples"
    return spread + (bad.suspect.value.map { ", after the largest values in \($0.text)" } ?? "")
  }

  /// What differs from the run.
  private var recording: String {
    if isAsRecorded { return "" }
    let losses = replicas.filter { !($0.loss == $0.recordedLoss || $0.loss.isNaN && $0.recordedLoss.isNaN) }
    let what = losses.isEmpty ? "the gradients have other bits" : "the loss was \(number(recordedLoss))"
    return "; this is not what was recorded: \(what), so another program, processor or library ran the step"
  }

  private func number(_ value: Double) -> String { NumberText.significant(value, digits: 6) }
}
