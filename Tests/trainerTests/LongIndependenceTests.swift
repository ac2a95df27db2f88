import Foundation
import Testing

/// One result for any number of ranks, on real pictures with all that is random: ResNet-20 + CBAM on CIFAR-10.
@Suite(
  .enabled(if: LongTests.areWanted, "TRAINER_LONG_TESTS=1 asks for tests that take minutes"),
  .enabled(if: LongTests.data != nil, "TRAINER_DATA names no folder of real data sets"),
  .enabled(if: Program.hasMPIRun, "mpirun is not installed"), .serialized)
struct LongIndependenceTests {
  static let text = """
    model: {name: resnet20, attention: {name: cbam}, dropout: 0.1}
    data: {name: cifar10, root: ROOT, batch: 64, augment: [{name: crop, padding: 4}, flip]}
    task: {name: classification, label_smoothing: 0.1}
    optimizer: {name: sgd, learning_rate: 0.1, base_batch: 128, momentum: 0.9, nesterov: true, weight_decay: 5e-4}
    schedule: {name: cosine, warmup: 10 %}
    distributed: {replicas: 8, threads: 1}
    run: {steps: 100, log_every: 10, evaluate_every: 1000, checkpoint_every: 50}
    """

  @Test func `Eight replicas give the same bytes however they are run`() throws {
    let run = try TinyRun()
    try Self.text.replacing("ROOT", with: "\(LongTests.data!)/cifar10")
      .write(toFile: run.file, atomically: true, encoding: .utf8)
    let threads = ["distributed.threads=2"]
    try run.train("one", ranks: nil)
    try run.train("one-threads", threads)
    for ranks in [2, 4, 8] {
      try run.train("\(ranks)", ranks: ranks)
      try run.train("\(ranks)-threads", threads, ranks: ranks)
    }
    try run.train("debug", [], ["--debug"])
    let stopped = try Program.start(run.arguments("stopped"), ranks: 8)
    try stopped.wait(within: 120) { (try? run.steps("stopped").count > 3) == true }
    stopped.send(SIGUSR1)
    #expect(stopped.end(within: 60).code == 75)
    try run.train("stopped", [], ["--resume", "latest"], ranks: 2)
    if NetworkHosts.reason == nil { try run.train("hosts", ranks: 4, on: NetworkHosts(2)) }
    let wanted = try run.bytes("one")
    let others = ["one-threads", "debug", "stopped"] + ["2", "4", "8"].flatMap { [$0, "\($0)-threads"] }
      + (NetworkHosts.reason == nil ? ["hosts"] : [])
    for other in others { #expect(try run.bytes(other) == wanted, "\(other)") }
  }
}
