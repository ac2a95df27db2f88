import Compute
import Datasets
import Foundation
import Graphs
import Layers
import Tasks
import Testing

@Suite struct ClassificationTests {
  /// One linear layer: enough of a network to be traced.
  private struct Classifier: Module {
    func callAsFunction(_ x: Tensor) -> Tensor { x.reshaped(x.shape[0], -1).linear("fc", 7) }
  }

  @Test func traceHasWhatTheLoopExpects() throws {
    let trace = Trace(mode: .training)
    Classification(labelSmoothing: 0.1).trace(Classifier(), images: [4, 2, 2, 3], in: trace)
    let graph = try trace.finish()
    #expect(graph.outputs.map(\.name) == ["logits", "loss"])
    #expect(graph.roots.map(\.name) == ["loss"])
    #expect(graph.outputs.map(\.operand.shape) == [[4, 7], [1]])

    let inference = Trace(mode: .inference)
    Classification().trace(Classifier(), images: [4, 2, 2, 3], in: inference)
    #expect(try inference.finish().roots.isEmpty)
  }

  @Test func rankCountsWhatComesBefore() {
    func rank(_ label: Int, _ logits: [Float]) -> Int {
      logits.withUnsafeBufferPointer { Classification.rank(of: label, in: $0) }
    }
    #expect(rank(2, [0, 1, 5, 2]) == 0)
    #expect(rank(1, [0, 1, 5, 2]) == 2)
    // Of equal scores the earlier class comes first, so that a network that answers alike for all is right for one class.
    #expect(rank(0, [3, 3, 3]) == 0)
    #expect(rank(2, [3, 3, 3]) == 2)
    #expect(rank(1, [0, .nan, 1]) == 3)
    #expect(rank(0, [0, .nan, 1]) == 1)
  }

  @Test func crossEntropyIsExactAndBounded() {
    func loss(_ label: Int, _ logits: [Float]) -> Double {
      logits.withUnsafeBufferPointer { Classification.crossEntropy($0, label) }
    }
    #expect(abs(loss(0, [0, 0, 0, 0]) - log(4)) < 1e-12)
    #expect(abs(loss(1, [1000, 1000]) - log(2)) < 1e-12)
    #expect(abs(loss(0, [1, 2]) - log(1 + exp(1))) < 1e-12)
    #expect(loss(0, [.nan, 1]) == 0x1p20)
    #expect(loss(0, [-.infinity, 1]) == 0x1p20)
  }

  @Test func sampleLossesAddUpToTheLoss() throws {
    let trace = Trace(mode: .training), task = Classification(labelSmoothing: 0.1)
    task.trace(Classifier(), images: [4, 2, 2, 3], in: trace)
    let plan = Plan(try trace.finish(), workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(2))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    var stream = RandomStream(RandomKey(1))
    func losses(_ labels: [Int]) throws -> (parts: [Double], whole: Float) {
      let batch = Batch(
        BatchAddress(epoch: 0, step: 0, replica: 0), sampleShape: [2, 2, 3],
        images: (0..<48).map { _ in stream.uniform(-2, 2) }, labels: labels, weights: [1, 1, 0, 1],
        indices: [3, 1, 4, 2])
      task.fill(runner, from: batch)
      try runner.forward(random: RandomKey(0))
      return (task.sampleLosses(runner, batch), runner.output("loss")[0])
    }
    let good = try losses([6, 0, 3, 2])
    #expect(good.parts.count == 4 && good.parts[2] == 0, "a sample of weight zero has no part")
    #expect(good.parts.filter { $0 > 0 }.count == 3)
    #expect(abs(good.parts.reduce(0, +) - Double(good.whole)) < 1e-5)
    let bad = try losses([6, 0, 3, 7])
    #expect(bad.whole.isNaN && bad.parts.map(\.isNaN) == [false, false, false, true], "there is no class 7")
  }

  @Test func metricsComeFromAddedTallies() {
    let task = Classification()
    let metrics = task.metrics(from: [200, 150, 190, 100 * 0x1p24])
    #expect(metrics.map(\.name) == ["top1", "top5", "loss", "samples"])
    #expect(metrics.map(\.value) == [75, 95, 0.5, 200])
    #expect(task.metrics(from: [0, 0, 0, 0]).map(\.value) == [0, 0, 0, 0])
  }
}
