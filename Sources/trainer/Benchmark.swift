import ArgumentParser
import Compute
import Configuration
import Foundation
import Graphs
import Training

/// `trainer benchmark`: how fast a network trains here, and how much of the machine that uses.
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time whole training steps on random images: forward, backward, update.",
    discussion: """
      Example: trainer benchmark --model resnet50 --attention cbam --batch 32 --steps 5 --per-step

      The share of peak refers to matrix products on the same threads, measured right after the steps. Operations are \
      counted for the plain algorithm: two for each multiply-add of the forward pass, the same for the gradient at the \
      weights, and the same for the gradient at the input, except in the first layer, where nobody needs it.
      """)

  @Option(help: "A network of the catalogue: see `trainer models`.")
  var model = "resnet50"

  @Option(help: "The attention module in the network's blocks.")
  var attention: String?

  @Option(help: "Classes that the network tells apart; without it those of the published weights.")
  var classes: Int?

  @Option(help: "The side of the images in pixels; without it the network's own.")
  var imageSize: Int?

  @Option(help: "Images of a step.")
  var batch = 32

  @Option(help: "Steps that are timed; the result is their median.")
  var steps = 5

  @Option(help: "Steps before them.")
  var warmup = 2

  @Option(help: "Threads; without it as many as this process has processors.")
  var threads: Int?

  @Flag(help: "One JSON object.")
  var json = false

  @Flag(help: "Also where the time goes: every kind of step, most expensive first.")
  var perStep = false

  func run() throws {
    try Job.start { job in
      let named = try NamedNetwork(model, attention: attention, classes: classes, imageSize: imageSize)
      let batch = try checked("--batch", batch, in: 1...65_536)
      let steps = try checked("--steps", steps, in: 1...1_000_000)
      let warmup = try checked("--warmup", warmup, in: 0...1_000_000)
      let threads = try checked("--threads", threads ?? Processor.affinityCount, in: 1...4096)
      if let warning = Processor.blasWarning, job.communicator.rank == 0 { Self.warn(warning) }
      let result = try StepBenchmark(
        named.network, classes: named.classes, batch: batch, imageSize: named.imageSize,
        team: WorkerTeam(count: threads), measuresSteps: perStep
      ).run(steps: steps, warmup: warmup)
      guard job.communicator.rank == 0 else { return .success }
      let report = Report(named, batch: batch, threads: threads, result)
      print(json ? try jsonText(report) : report.text, terminator: json ? "\n" : "")
      return .success
    }
  }

  private static func warn(_ sentence: String) {
    FileHandle.standardError.write(Data("warning: \(sentence)\n".utf8))
  }
}

extension Benchmark {
  /// The numbers, as `--json` prints them.
  struct Report: Encodable {
    let model: String
    let attention: OrNull<String>
    let classes: Int
    let batch: Int
    let imageSize: Int
    let threads: Int
    let stepSeconds: Double
    let imagesPerSecond: Double
    let peakMemoryBytes: Int
    let arenaBytes: Int
    let gemmGflops: Double
    let flopsPerImage: Double
    let shareOfGemmPeak: Double
    let blasKernel: String
    /// Where the time went; left out when not asked for.
    let perStep: [Kind]?

    /// All steps of one kind, in one training step.
    struct Kind: Encodable {
      let `operator`: String
      let direction: String
      let count: Int
      let milliseconds: Double
      let share: Double
      let gflopsPerSecond: Double
      let gigabytesPerSecond: Double
    }

    init(_ named: NamedNetwork, batch: Int, threads: Int, _ result: StepBenchmark.Result) {
      model = named.name
      attention = OrNull(named.attention)
      classes = named.classes
      self.batch = batch
      imageSize = named.imageSize
      self.threads = threads
      stepSeconds = result.stepSeconds
      imagesPerSecond = Double(batch) / result.stepSeconds
      peakMemoryBytes = result.peakMemoryBytes
      arenaBytes = result.arenaBytes
      gemmGflops = result.gemmFlops / 1e9
      flopsPerImage = result.flopsPerImage
      shareOfGemmPeak = result.shareOfPeak(batch: batch)
      blasKernel = Processor.blasKernel
      let total = result.kinds.reduce(0) { $0 + $1.seconds }
      perStep = result.kinds.isEmpty ? nil : result.kinds.map {
        Kind(
          operator: $0.kind.name, direction: $0.kind.direction, count: $0.count, milliseconds: $0.seconds * 1e3,
          share: $0.seconds / total, gflopsPerSecond: 2e-9 * Double($0.multiplyAdds) / $0.seconds,
          gigabytesPerSecond: 1e-9 * Double($0.bytesMoved) / $0.seconds)
      }
    }

    /// Tables for people.
    var text: String {
      let title = model + (attention.value.map { " + \($0)" } ?? "")
      let figures = SummaryTable(
        columns: [.init("\(title), \(imageSize) px, batch \(batch)"), .init("", .right), .init("")],
        rows: [
          ["time of a step", number(stepSeconds, 3), "s"],
          ["images a second", number(imagesPerSecond, 2), "on \(threads) thread\(threads == 1 ? "" : "s")"],
          ["peak memory", mebibytes(peakMemoryBytes), "MiB resident"],
          ["operations an image", number(flopsPerImage * 1e-9, 2), "GFLOP, forward and backward"],
          ["matrix products here", number(gemmGflops, 1), "GFLOP/s with OpenBLAS's \(blasKernel) kernels"],
          ["share of that", number(shareOfGemmPeak * 100, 1), "%"],
        ])
      guard let perStep else { return figures.text }
      let kinds = SummaryTable(
        columns: [
          .init("operator"), .init("direction"), .init("steps", .right), .init("ms", .right), .init("share", .right),
          .init("GFLOP/s", .right), .init("GB/s", .right),
        ],
        rows: perStep.map {
          [
            $0.operator, $0.direction, "\($0.count)", number($0.milliseconds, 1), NumberText.percent($0.share),
            $0.gflopsPerSecond == 0 ? "" : number($0.gflopsPerSecond, 1), number($0.gigabytesPerSecond, 1),
          ]
        })
      return figures.text + "\n" + kinds.text
    }

    private func number(_ value: Double, _ decimals: Int) -> String { NumberText.fixed(value, decimals: decimals) }
  }
}
