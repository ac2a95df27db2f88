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

  @Test(arguments: Classification.Loss.allCases)
  func sampleLossesAddUpToTheLoss(loss: Classification.Loss) throws {
    let trace = Trace(mode: .training), task = Classification(loss: loss, labelSmoothing: 0.1)
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

  /// The soft targets, the loss and the gradient of timm's recipe: `mixup_target` and `SoftTargetCrossEntropy`.
  @Test func mixedSamplesHaveTwoLabels() throws {
    let trace = Trace(mode: .training)
    let task = try #require(Classification(labelSmoothing: 0.1).onMixedLabels)
    task.trace(Classifier(), images: [4, 2, 2, 3], in: trace)
    let plan = Plan(try trace.finish(), workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(2))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    var stream = RandomStream(RandomKey(1))
    let images = (0..<48).map { _ in stream.uniform(-2, 2) }, labels = [3, 0, 4, 1]
    let shares: [Float] = [0.25, 2.0 / 3, 1, 0.5]
    func run(_ labels: [Int], _ mixture: LabelMixture?) throws -> (parts: [Double], whole: Float) {
      let batch = Batch(
        BatchAddress(epoch: 0, step: 0, replica: 0), sampleShape: [2, 2, 3], images: images, labels: labels,
        weights: [1, 1, 1, 1], indices: [3, 1, 4, 2], mixture: mixture)
      task.fill(runner, from: batch)
      try runner.forward(random: RandomKey(0))
      return (task.sampleLosses(runner, batch), runner.output("loss")[0])
    }
    let mixed = try run(labels, LabelMixture(partners: labels.reversed(), shares: shares))
    let targets = runner.input("labels").array
    for (sample, share) in shares.enumerated() {
      for k in 0..<7 {
        let wanted = (k == labels[sample] ? share : 0) + (k == labels[3 - sample] ? 1 - share : 0)
        #expect(targets[sample * 7 + k] == wanted)
      }
    }
    // The loss, written down in double precision.
    let logits = runner.output("logits").array.map(Double.init)
    var expected = 0.0
    for sample in 0..<4 {
      let row = Array(logits[sample * 7..<(sample + 1) * 7]), normalizer = log(row.reduce(0) { $0 + exp($1) })
      for k in 0..<7 {
        expected += (0.9 * Double(targets[sample * 7 + k]) + 0.1 / 7) * (normalizer - row[k])
      }
    }
    #expect(abs(Double(mixed.whole) - expected) < 1e-5 * expected, "a sum of four in single precision")
    #expect(abs(mixed.parts.reduce(0, +) - expected) < 1e-5 * expected)

    let alone = try run(labels, nil), plain = Classification(labelSmoothing: 0.1)
    let whole = try run(labels, LabelMixture(partners: [6, 6, 6, 6], shares: [1, 1, 1, 1]))
    #expect(alone.whole == whole.whole && alone.parts == whole.parts, "a share of 1 leaves the label alone")
    #expect(plain.mixesLabels == false)
    #expect(try run(labels, LabelMixture(partners: [7, 0, 0, 0], shares: shares)).whole.isNaN, "there is no class 7")
  }

  /// Evaluation has one label, whatever the training.
  @Test func evaluationDoesNotMix() throws {
    let trace = Trace(mode: .inference)
    Classification(mixesLabels: true).trace(Classifier(), images: [4, 2, 2, 3], in: trace)
    let plan = Plan(try trace.finish(), workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(2))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    #expect(runner.input("labels").shape == [4])
  }

  @Test func metricsComeFromAddedTallies() {
    let task = Classification()
    let metrics = task.metrics(from: [200, 150, 190, 100 * 0x1p24])
    #expect(metrics.map(\.name) == ["top1", "top5", "loss", "samples"])
    #expect(metrics.map(\.value) == [75, 95, 0.5, 200])
    #expect(task.metrics(from: [0, 0, 0, 0]).map(\.value) == [0, 0, 0, 0])
  }
}
