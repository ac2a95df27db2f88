import Communication
import Compute
import Graphs
import Layers
import Optimizers
import Tasks
import Training

/// A network and how it is to be trained, from a run file or from the command line.
struct Subject {
  let title: String
  let network: any Module
  let classes: Int
  let task: any TrainingTask
  let image: Shape
  /// Images of a training step over all ranks.
  let batch: Int
  let memoryBudget: MemoryBudget
  /// As in `distributed`; 0 for a replica each rank.
  var replicas = 0
  var reduction: ReductionKind?
  var compresses = false
  var overlaps = true
  var bucketSize = BucketSize.auto
  var loaders = 1
  /// As in `distributed`; 0 for a rank's share of the processors.
  var threads = 0
  /// As in `optimizer`.
  var layerDecay: LayerDecay?
}

/// A network seen from outside: what `trainer inspect` tells.
struct Inspection {
  let title: String
  let image: Shape
  let batch: Int
  let threads: Int
  /// The training plan.
  let plan: Plan
  let summary: PlanSummary
  private(set) var report: Report
  /// The step on several ranks, where it was asked for.
  var prediction: ForetoldSteps? {
    get { report.prediction }
    set { report.prediction = newValue }
  }

  /// - Parameter batch: of the step that is planned: the subject's, or one rank's part.
  /// - Throws: `TraceError` for images that do not fit the network, `MemoryBudgetError` for too small a budget.
  init(_ subject: Subject, batch: Int, threads: Int, bucketBytes: Int? = nil) throws {
    func graph(_ mode: Trace.Mode, batch: Int) throws -> Graph {
      try NetworkRunners.graph(subject.network, subject.task, batch: batch, image: subject.image, mode: mode)
    }
    title = subject.title
    image = subject.image
    self.batch = batch
    self.threads = threads
    plan = try Plan(
      try graph(.training, batch: batch), workers: threads,
      bucketBytes: bucketBytes ?? subject.bucketSize.bytes ?? BucketSize.standard, budget: subject.memoryBudget)
    summary = PlanSummary(plan)
    let repeated = plan.program.steps.filter(\.isRepeated), program = plan.program
    let inference = Plan(try graph(.inference, batch: batch), workers: threads)
    report = Report(
      parameters: plan.program.graph.parameterCount, multiplyAdds: try graph(.inference, batch: 1).multiplyAdds,
      batch: batch, image: image.array, threads: threads, arenaBytesTraining: plan.arena.byteCount,
      arenaBytesInference: inference.arena.byteCount, arenaLowerBoundBytes: plan.arena.lowerBoundBytes,
      recomputedSteps: repeated.count, recomputedBytesMoved: repeated.reduce(0) { $0 + program.bytesMoved(by: $1) },
      parameterBytes: plan.layout.count * MemoryLayout<Float>.stride,
      gradientBytesPerStep: plan.bucketBytes.reduce(0, +),
      buckets: plan.bucketBytes,
      layers: summary.layers.map { layer in
        Report.Layer(
          path: layer.path, operator: layer.subject, outputShape: layer.outputShape.array, parameters: layer.parameters,
          multiplyAdds: layer.multiplyAdds / batch, keptBytes: layer.keptBytes)
      },
      largestTensors: summary.fullest.prefix(Self.tensorsShown).map {
        Report.Tensor(name: $0.name, bytes: $0.bytes, firstStep: $0.steps.lowerBound, lastStep: $0.steps.upperBound)
      },
      layerRates: subject.layerDecay?.table(of: program.graph.parameters.map(LayerDecay.Parameter.init)))
  }

  private static let tensorsShown = 12

  /// The numbers, as `--json` prints them. Multiply-adds are for one image, bytes for the whole batch.
  struct Report: Encodable {
    let parameters: Int
    let multiplyAdds: Int
    let batch: Int
    let image: [Int]
    let threads: Int
    let arenaBytesTraining: Int
    let arenaBytesInference: Int
    let arenaLowerBoundBytes: Int
    /// Forward steps that the backward pass repeats to save memory, and the bytes that they move.
    let recomputedSteps: Int
    let recomputedBytesMoved: Int
    /// Parameters and running statistics; as many again for gradients and for each moment of the optimizer.
    let parameterBytes: Int
    /// What a rank hands to the reduction in a step: gradients and new running statistics.
    let gradientBytesPerStep: Int
    let buckets: [Int]
    let layers: [Layer]
    /// At the step that needs most.
    let largestTensors: [Tensor]
    /// Only with `optimizer.layer_decay`: the stem first.
    let layerRates: [LayerDecay.Layer]?
    /// Only with `--ranks`.
    var prediction: ForetoldSteps?

    struct Layer: Encodable {
      let path: String
      let `operator`: String
      let outputShape: [Int]
      let parameters: Int
      let multiplyAdds: Int
      let keptBytes: Int
    }

    struct Tensor: Encodable {
      let name: String
      let bytes: Int
      let firstStep: Int
      let lastStep: Int
    }
  }

  /// Tables for people.
  var text: String {
    let layers = SummaryTable(
      columns: [
        .init("layer"), .init("operator"), .init("output"), .init("parameters", .right), .init("multiply-adds", .right),
        .init("kept MiB", .right),
      ],
      rows: report.layers.map {
        [
          $0.path, $0.operator, Shape($0.outputShape).description, count($0.parameters), count($0.multiplyAdds),
          $0.keptBytes < 1 << 16 ? "" : mebibytes($0.keptBytes),
        ]
      })
    let totals = SummaryTable(
      columns: [.init(""), .init("", .right), .init("")],
      rows: [
        ["parameters", NumberText.grouped(report.parameters), ""],
        ["multiply-adds", NumberText.grouped(report.multiplyAdds), "an image, forward"],
        [
          "memory of a training step", mebibytes(report.arenaBytesTraining),
          "MiB; no layout could do with less than \(mebibytes(report.arenaLowerBoundBytes))",
        ],
        [
          "computed again", "\(report.recomputedSteps)",
          "steps of the forward pass, in the backward pass; they move \(mebibytes(report.recomputedBytesMoved)) MiB",
        ],
        ["memory of an inference", mebibytes(report.arenaBytesInference), "MiB"],
        [
          "memory of parameters", mebibytes(report.parameterBytes),
          "MiB; the same again for gradients and for each moment of the optimizer",
        ],
        [
          "on the wire", mebibytes(report.gradientBytesPerStep),
          "MiB a step and rank, in \(report.buckets.count) buckets",
        ],
      ])
    let tensors = SummaryTable(
      columns: [.init("tensor"), .init("MiB", .right), .init("needed", .right)],
      rows: report.largestTensors.map { [$0.name, mebibytes($0.bytes), "\(max($0.firstStep, 0))-\($0.lastStep)"] })
    return """
      \(title): images \(image), batch \(batch), \(threads) thread\(threads == 1 ? "" : "s")

      \(layers.text)
      \(totals.text)
      Most is needed at \(summary.fullestStep), by \(summary.fullest.count) tensors. The largest, and the \
      steps that need them:

      \(tensors.text)
      """ + (report.layerRates.map(rates) ?? "") + (prediction.map { "\n" + $0.text } ?? "")
  }

  private func rates(_ layers: [LayerDecay.Layer]) -> String {
    let table = SummaryTable(
      columns: [.init("layer", .right), .init("from"), .init("rate x", .right)],
      rows: layers.enumerated().map { ["\($0)", $1.first, NumberText.significant($1.rateScale, digits: 4)] })
    return "\n" + table.text
  }

  private func count(_ number: Int) -> String { number == 0 ? "" : NumberText.grouped(number) }
}

/// Bytes in MiB, with one decimal.
func mebibytes(_ bytes: Int) -> String { NumberText.fixed(Double(bytes) / 0x1p20, decimals: 1) }
