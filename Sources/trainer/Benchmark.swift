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

      The share of peak refers to matrix products on the same threads, measured after every step: the median, as the \
      clock of a shared machine moves. Operations are counted for the plain algorithm: two for each multiply-add of the \
      forward pass, the same for the gradient at the weights, and the same for the gradient at the input, except in the \
      first layer, where nobody needs it. Where the time goes, Winograd's method counts with its own products.

      With --operators an operator's limit is the longer of two times: its operations at the rate of matrix products, \
      its bytes (everything read and written once) at the rate of copies, both measured in turns with the operators: \
      medians, as an operator's time is one over the steps. What it takes beyond that is lost. A share above 100 %: \
      data that stayed in the cache.
      """)

  @Option(help: "A network of the catalogue: see `trainer models`.")
  var model = "resnet50"

  @Option(help: "The attention module in the network's blocks: its name, or '{name: nl, stages: [3, 4]}'.")
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

  @Option(help: "Threads; without it as many as this process has cores to itself.")
  var threads: Int?

  @Option(help: "Memory of a training step's arena: auto, unlimited, or a size such as '1.5 GB'.")
  var memoryBudget = "auto"

  @Option(help: "A rewrite of the graph to do without, by its name; may be given several times.")
  var disableRewrite: [String] = []

  @Flag(help: "One JSON object.")
  var json = false

  @Flag(help: "Also where the time goes: every kind of step, most expensive first.")
  var perStep = false

  @Flag(help: "Also what is lost: every operator on its shapes, most time lost against the machine's limit first.")
  var operators = false

  func run() throws {
    try Job.start { job in
      let named = try NamedNetwork(model, attention: attention, classes: classes, imageSize: imageSize)
      let batch = try checked("--batch", batch, in: 1...65_536)
      let steps = try checked("--steps", steps, in: 1...1_000_000)
      let warmup = try checked("--warmup", warmup, in: 0...1_000_000)
      let asked = try threads.map { try checked("--threads", $0, in: 1...4096) }
      let threads = try RankThreads(over: job.communicator, threads: asked ?? 0, loaders: 0)
      if job.communicator.rank == 0 { threads.warnings.forEach(Self.warn) }
      let result = try StepBenchmark(
        named.network, classes: named.classes, batch: batch, image: [named.imageSize, named.imageSize, 3],
        team: threads.team, memoryBudget: try checkedBudget(memoryBudget) ?? .auto, rewrites: try checkedRewrites(),
        measuresSteps: perStep || operators
      ).run(steps: steps, warmup: warmup)
      guard job.communicator.rank == 0 else { return .success }
      let report = Report(
        named, batch: batch, threads: threads.team.count, result, listsKinds: perStep, listsOperators: operators)
      print(json ? try jsonText(report) : report.text, terminator: json ? "\n" : "")
      return .success
    }
  }

  private func checkedRewrites() throws(ConfigError) -> [any Rewrite] {
    let names = Set(disableRewrite)
    if let flaw = RunSettings.flaw(ofRewrites: names) {
      throw ConfigError(path: "--disable-rewrite", problem: .invalid(flaw))
    }
    return Plan.rewrites(except: names)
  }

  private static func warn(_ sentence: String) {
    show("warning: \(sentence)\n", on: STDERR_FILENO)
  }
}
