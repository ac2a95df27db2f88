import Compute
import Graphs
import Training

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
    let arenaLowerBoundBytes: Int
    let gemmGflops: Double
    let flopsPerImage: Double
    let shareOfGemmPeak: Double
    let blasKernel: String
    /// Where the time went; left out when not asked for.
    let perStep: [Kind]?
    /// What each operator loses against the machine's limits; left out when not asked for.
    let operators: OperatorLosses?

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

    init(
      _ named: NamedNetwork, batch: Int, threads: Int, _ result: StepBenchmark.Result, listsKinds: Bool,
      listsOperators: Bool
    ) {
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
      arenaLowerBoundBytes = result.arenaLowerBoundBytes
      gemmGflops = result.gemmFlops / 1e9
      flopsPerImage = result.flopsPerImage
      shareOfGemmPeak = result.shareOfPeak(batch: batch)
      blasKernel = Processor.blasKernel
      perStep = listsKinds ? Self.kinds(result.cases) : nil
      operators = listsOperators ? OperatorLosses(result) : nil
    }

    private static func kinds(_ cases: [StepBenchmark.Case]) -> [Kind] {
      let total = cases.reduce(0) { $0 + $1.seconds }
      return Dictionary(grouping: cases, by: \.work.kind).map { kind, cases -> Kind in
        func sum<Number: AdditiveArithmetic>(_ figure: (StepBenchmark.Case) -> Number) -> Number {
          cases.reduce(.zero) { $0 + figure($1) }
        }
        let seconds = max(sum(\.seconds), 1e-9)
        return Kind(
          operator: kind.name, direction: kind.direction, count: sum(\.count), milliseconds: seconds * 1e3,
          share: seconds / total, gflopsPerSecond: 2e-9 * Double(sum(\.multiplyAdds)) / seconds,
          gigabytesPerSecond: 1e-9 * Double(sum(\.bytesMoved)) / seconds)
      }.sorted { $0.milliseconds > $1.milliseconds }
    }

    /// Tables for people.
    var text: String {
      let title = model + (attention.value.map { " + \($0)" } ?? "")
      let figures = SummaryTable(
        columns: [.init("\(title), \(imageSize) px, batch \(batch)"), .init("", .right), .init("")],
        rows: [
          ["time of a step", number(stepSeconds, 3), "s"],
          ["images a second", number(imagesPerSecond, 2), "on \(threads) thread\(threads == 1 ? "" : "s")"],
          [
            "peak memory", mebibytes(peakMemoryBytes),
            "MiB resident, the arena \(mebibytes(arenaBytes)) of them (lower bound \(mebibytes(arenaLowerBoundBytes)))",
          ],
          ["operations an image", number(flopsPerImage * 1e-9, 2), "GFLOP, forward and backward"],
          ["matrix products here", number(gemmGflops, 1), "GFLOP/s with OpenBLAS's \(blasKernel) kernels"],
          ["share of that", number(shareOfGemmPeak * 100, 1), "%"],
        ])
      return ([figures.text] + [perStep.map(kindTable), operators?.text].compactMap { $0 }).joined(separator: "\n")
    }

    private func kindTable(_ kinds: [Kind]) -> String {
      SummaryTable(
        columns: [
          .init("operator"), .init("direction"), .init("steps", .right), .init("ms", .right), .init("share", .right),
          .init("GFLOP/s", .right), .init("GB/s", .right),
        ],
        rows: kinds.map {
          [
            $0.operator, $0.direction, "\($0.count)", number($0.milliseconds, 1), NumberText.percent($0.share),
            $0.gflopsPerSecond == 0 ? "" : number($0.gflopsPerSecond, 1), number($0.gigabytesPerSecond, 1),
          ]
        }).text
    }

    private func number(_ value: Double, _ decimals: Int) -> String { NumberText.fixed(value, decimals: decimals) }
  }
}
