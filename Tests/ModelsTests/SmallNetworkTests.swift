import CAllocationCounter
import Compute
import Configuration
import Graphs
import Models
import Testing

/// Small networks of the catalogue, run: the plan against its slow twin, workers against each other, gradients, memory.
@Suite(.serialized) struct SmallNetworkTests {
  static let cases: [(String, [String: ConfigValue]?)] =
    // Two hidden units or fewer may all be switched off by the ReLU, and four for one of CAT's statistics alone.
    [("resnet20", nil), ("mobilenet_v2", nil), ("resnet20", ["name": "eca"])]
    + ["se", "cbam", "sem"].map { ("resnet20", ["name": .string($0), "reduction": 4]) }
    + [("resnet20", ["name": "cat", "reduction": 1])]

  @Test(arguments: cases) func planEqualsInterpreter(name: String, attention: [String: ConfigValue]?) throws {
    let graph = try NetworkTrace(name, attention: attention, classes: 10, imageSize: 32).graph
    let plan = Plan(graph, workers: 2)
    let (planned, state) = try stepResults(plan, workers: 2)
    #expect(try planned == stepResults(plan, workers: 2, interpreted: true).bits, "interpreter")
    #expect(try planned == stepResults(Plan(graph, workers: 1), workers: 1).bits, "one worker")
    #expect(try planned == stepResults(Plan(graph, workers: 3, inPlace: false), workers: 3).bits, "nothing in place")
    #expect(plan.overlaps() == [])
    withExtendedLifetime(state) {
      for parameter in graph.parameters {
        let gradient = state.gradientView(parameter.path)!.array
        #expect(gradient.allSatisfy(\.isFinite) && gradient.contains { $0 != 0 }, "\(parameter.path)")
      }
    }
  }

  /// Fusion and the choice of a method change the rounding and nothing else. A rounding that takes one element to the
  /// other side of a kink moves its whole gradient: noise in the last place of the images alone moves the gradients of
  /// MobileNetV2 by up to 1e-2 of their norm, so no less is asked for here; operators answer for themselves to 2e-5.
  @Test(arguments: cases) func rewritesChangeRoundingOnly(name: String, attention: [String: ConfigValue]?) throws {
    let graph = try NetworkTrace(name, attention: attention, classes: 10, batch: 8, imageSize: 64).graph
    let plan = Plan(graph, workers: 2)
    let plain = try stepResults(Plan(graph, workers: 2, layout: plan.layout, rewrites: []), workers: 2).bits
    let rewritten = try stepResults(plan, workers: 2).bits
    for (found, wanted) in zip(rewritten, plain) { #expect(distance(found, wanted) < 1e-2) }
  }

  /// ||a - b|| / ||b||.
  private func distance(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    return (difference / b.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
  }

  /// ResNet-20 with CBAM in the least memory that it can do with: computed again, the bits are the same.
  @Test func smallestPlanGivesTheSameBits() throws {
    let attention: [String: ConfigValue] = ["name": "cbam", "reduction": 4]
    let graph = try NetworkTrace("resnet20", attention: attention, classes: 10, imageSize: 32).graph
    let kept = Plan(graph, workers: 2, recomputes: false)
    let error = try #require(throws: MemoryBudgetError.self) { try Plan(graph, workers: 2, budget: .bytes(1)) }
    let wanted = try stepResults(kept, workers: 2).bits
    for bytes in [error.smallest, kept.arena.byteCount * 3 / 4] {
      let plan = try Plan(graph, workers: 2, budget: .bytes(bytes))
      #expect(plan.arena.byteCount <= bytes && plan.overlaps() == [])
      #expect(try stepResults(plan, workers: 2).bits == wanted)
      #expect(try stepResults(plan, workers: 2, interpreted: true).bits == wanted)
    }
    // Half of what is kept where each operator keeps its own: a convolution that reads through a norm keeps less anyway.
    let apart = Plan(
      graph, workers: 2, rewrites: Plan.rewrites(except: ["fuse_normalized_convolution"]), recomputes: false)
    #expect(2 * error.smallest < apart.arena.byteCount && kept.arena.byteCount < apart.arena.byteCount)
  }

  /// The same blocks as another name's, only deeper or wider.
  static let variants: Set<String> = [
    "resnext101_32x4d", "resnext101_32x8d", "wide_resnet101_2", "wide_resnet18_2", "resnet34_cifar", "resnet50_cifar",
    "resnet101_cifar", "resnet152_cifar", "resnet44", "resnet164", "vgg16_bn", "wide_resnet18_1.5", "mobilenet_0.7",
  ]

  /// Every kind of network of the catalogue, at an image small enough for a quick step.
  @Test(arguments: ModelCatalog.entries.keys.sorted().filter { !variants.contains($0) })
  func everyNetworkPlansWhatItMeans(name: String) throws {
    let graph = try NetworkTrace(name, attention: nil, classes: 10, imageSize: 32).graph
    let plan = Plan(graph, workers: 2)
    #expect(plan.overlaps() == [])
    let planned = try stepResults(plan, workers: 2).bits
    #expect(try planned == stepResults(plan, workers: 2, interpreted: true).bits)
  }

  @Test(arguments: cases) func inferencePlanEqualsInterpreter(name: String, attention: [String: ConfigValue]?) throws {
    let graph = try NetworkTrace(name, attention: attention, classes: 10, imageSize: 32, mode: .inference).graph
    let plan = Plan(graph, workers: 2)
    let logits = try [false, true].map { interpreted in
      let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
      let team = WorkerTeam(count: 2)
      let runner: any Runner =
        interpreted
        ? Interpreter(plan, state: state, team: team)
        : PlanRunner(plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount))
      var stream = RandomStream(RandomKey(5))
      runner.input("images").assign((0..<2 * 32 * 32 * 3).map { _ in stream.uniform(-1, 1) })
      try runner.forward(random: RandomKey(0))
      return withExtendedLifetime(runner) { runner.output("logits").array }
    }
    #expect(logits[0] == logits[1] && logits[0].allSatisfy(\.isFinite))
  }

  @Test func replayAllocatesNothing() throws {
    let graph = try NetworkTrace("resnet20", attention: ["name": "cbam"], imageSize: 32).graph
    let kept = Plan(graph, workers: 2, recomputes: false)
    let plan = try Plan(graph, workers: 2, budget: .bytes(kept.arena.byteCount * 2 / 3))
    #expect(plan.program.steps.contains { $0.isRepeated })
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    let team = WorkerTeam(count: 2)
    let runner = PlanRunner(plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount))
    for view in [runner.input("images"), runner.seed("logits")] {
      view.assign([Float](repeating: 0.5, count: view.count))
    }
    for _ in 0..<2 {
      runner.forward(random: RandomKey(0))
      runner.backward()
    }
    team.run { _ in allocation_watch(1) }
    let before = allocation_count()
    for _ in 0..<5 {
      runner.forward(random: RandomKey(0))
      runner.backward()
    }
    let allocations = allocation_count() - before
    team.run { _ in allocation_watch(0) }
    #expect(allocations == 0)
  }
}
