import Compute
import Graphs
import Operators
import Support
import Testing

/// Plans that compute values again against plans that keep them: the same bits in less memory.
@Suite(.serialized) struct RecomputationTests {
  /// The smallest budget that works, which the error for an impossible one tells.
  static func smallestBudget(_ graph: Graph, workers: Int) throws -> Int {
    let error = #expect(throws: MemoryBudgetError.self) { try Plan(graph, workers: workers, budget: .bytes(1)) }
    return try #require(error?.smallest)
  }

  @Test(arguments: 0..<40) func smallestPlanGivesTheSameBits(seed: Int) throws {
    let graph = try randomGraph(seed: seed)
    let kept = Plan(graph, workers: 2, recomputes: false)
    let smallest = try Self.smallestBudget(graph, workers: 2)
    #expect(smallest <= kept.arena.byteCount)
    let wanted = try PlanRunnerTests.results(kept, workers: 2)
    for bytes in [smallest, (smallest + kept.arena.byteCount) / 2] {
      let plan = try Plan(graph, workers: 2, budget: .bytes(bytes))
      #expect(plan.arena.byteCount <= bytes)
      #expect(plan.overlaps() == [])
      #expect(try PlanRunnerTests.results(plan, workers: 2) == wanted, "planned")
      #expect(try PlanRunnerTests.results(plan, workers: 2, interpreted: true) == wanted, "interpreted")
      #expect(plan.fingerprint == kept.fingerprint, "ranks may choose differently")
    }
  }

  /// Any choice of nodes gives the same bits, not only those that a search would make.
  @Test(arguments: 0..<40) func anyChoiceGivesTheSameBits(seed: Int) throws {
    let program = Program(try randomGraph(seed: seed))
    var stream = RandomStream(RandomKey(UInt64(seed)).appending("choice"))
    let nodes = Set((0..<program.forwardCount).filter { program.isRepeatable($0) && stream.integer(below: 2) == 0 })
    let again = program.recomputing(nodes)
    let repeated = again.steps.filter(\.isRepeated)
    #expect(Set(repeated.map { $0.node! }).isSubset(of: nodes))
    #expect(Set(repeated.map { $0.node! }).count == repeated.count, "a value is computed again once")
    let plan = Plan(again, workers: 2, layout: nil, bucketBytes: 256)
    #expect(plan.overlaps() == [])
    let wanted = try PlanRunnerTests.results(Plan(program, workers: 2, layout: nil, bucketBytes: 256), workers: 2)
    #expect(try PlanRunnerTests.results(plan, workers: 2) == wanted)
    #expect(try PlanRunnerTests.results(plan, workers: 2, interpreted: true) == wanted)
  }

  /// The estimate that the search goes by, against the layout's own count.
  @Test(arguments: 0..<40) func profileForeseesTheLowerBound(seed: Int) throws {
    let program = Program(try randomGraph(seed: seed))
    var profile = MemoryProfile(program, workers: 1)
    var stream = RandomStream(RandomKey(UInt64(seed)).appending("profile"))
    for round in 0..<4 {
      // Nothing at first, then ever more.
      let repeated = (0..<program.forwardCount).map { program.isRepeatable($0) && stream.integer(below: 4) < round }
      let nodes = Set(repeated.indices.filter { repeated[$0] })
      let estimate = profile.evaluate(repeated).peak
      let bound = ArenaLayout(program.recomputing(nodes), workers: 1).lowerBoundBytes
      // Padding to cache lines is left out of the estimate, in-place computing of repeated steps too.
      let padding = 64 * program.cells.count
      #expect(estimate <= bound + padding || round > 0, "\(estimate) against \(bound)")
      #expect(estimate + padding >= bound, "\(estimate) against \(bound)")
    }
  }

  /// A chain of convolutions with sigmoids between them, each of which keeps its output.
  private func chain(length: Int) throws -> Graph {
    let trace = Trace(mode: .training)
    var x = trace.input("x", [1, 16, 16, 16])
    for layer in 0..<length {
      x = trace.scope("layer\(layer)") {
        let weight = trace.parameter("weight", [16, 3, 3, 16], initializer: .constant(0.01), decays: true)
        return x.applying(Conv2D(padding: 1), with: [weight]).applying(ReLU()).applying(Tanh())
      }
    }
    trace.root("loss", x)
    return try trace.finish()
  }

  @Test func chainIsComputedAgainInOrderBeforeItsFirstReader() throws {
    let program = Program(try chain(length: 3))
    // Tanh of the middle layer needs the ReLU before it; both go.
    let nodes = program.graph.nodes.indices.filter {
      ["layer1.relu", "layer1.tanh"].contains(program.graph.nodes[$0].path)
    }
    let again = program.recomputing(Set(nodes))
    let backward = again.steps[again.forwardCount...].map { ($0.isRepeated ? "again " : "") + $0.path }
    #expect(
      backward == [
        "layer2.tanh", "layer2.relu", "again layer1.relu", "again layer1.tanh", "layer2.conv2d", "layer1.tanh",
        "layer1.relu", "layer1.conv2d", "layer0.tanh", "layer0.relu", "layer0.conv2d",
      ])
    let plan = Plan(again, workers: 1, layout: nil, bucketBytes: 1 << 20)
    #expect(plan.description.contains(": recompute tanh layer1.tanh -> [1, 16, 16, 16]"))
    #expect(plan.program.multiplyAdds == program.multiplyAdds, "what is repeated is no work of the network")
  }

  @Test func whatMovesStatisticsRunsOnce() throws {
    let trace = Trace(mode: .training)
    let x = trace.input("x", [4, 8, 8, 16])
    let weight = trace.parameter("weight", [16], initializer: .constant(1), decays: false)
    let bias = trace.parameter("bias", [16], initializer: .constant(0), decays: false)
    let mean = trace.buffer("mean", [16], initialValue: 0), variance = trace.buffer("variance", [16], initialValue: 1)
    let results = trace.apply(BatchNorm(), [x, weight, bias, mean, variance])
    trace.update(buffer: "mean", to: results[3])
    trace.update(buffer: "variance", to: results[4])
    trace.root("loss", results[0].applying(Sigmoid()).applying(Tanh()))
    let graph = try trace.finish()
    let smallest = try Self.smallestBudget(graph, workers: 1)
    let plan = try Plan(graph, workers: 1, budget: .bytes(smallest))
    for index in plan.program.cells.indices {
      if case .newBuffer = plan.program.cells[index].place {
        #expect(plan.program.steps.count { $0.writes.contains { $0?.cell == index } } == 1)
      }
    }
  }

  /// What is nearly free goes by itself: no convolution, and at most a twentieth of the step's cost.
  @Test func withoutABudgetOnlyCheapStepsAreRepeated() throws {
    let graph = try chain(length: 12)
    let plan = Plan(graph, workers: 1), kept = Plan(graph, workers: 1, recomputes: false)
    let repeated = plan.program.steps.filter(\.isRepeated)
    #expect(!repeated.isEmpty && repeated.allSatisfy { !$0.path.hasSuffix("conv2d") })
    #expect(plan.arena.byteCount < kept.arena.byteCount)
    func cost(_ steps: [Program.Step]) -> Int { steps.reduce(0) { $0 + MemoryProfile.cost(of: $1, in: plan.program) } }
    #expect(20 * cost(repeated) <= cost(kept.program.steps))
    #expect(!kept.program.steps.contains { $0.isRepeated })
  }

  @Test func impossibleBudgetNamesTheLargestTensorsAndTheSmallestThatWorks() throws {
    let error = try #require(throws: MemoryBudgetError.self) {
      try Plan(try chain(length: 4), workers: 1, budget: .bytes(10_000))
    }
    #expect(error.description.hasPrefix("a training step does not fit into 1 MiB; the smallest budget that works is "))
    #expect(error.description.contains(", by "))
    #expect(error.largest.contains { $0.name == "x" && $0.bytes == 16 * 16 * 16 * 4 })
    let smallest = try Plan(try chain(length: 4), workers: 1, budget: .bytes(error.smallest))
    #expect(smallest.arena.byteCount == error.smallest)
  }

  @Test(arguments: [
    ("auto", MemoryBudget.auto), ("unlimited", .unlimited), ("1500000000", .bytes(1_500_000_000)),
    ("1.5 GB", .bytes(1_500_000_000)), ("1400 MiB", .bytes(1400 << 20)), ("2GiB", .bytes(2 << 30)),
    ("0", nil), ("", nil), ("1.5.2 GB", nil), ("-3 GB", nil), ("3 apples", nil), ("GB", nil), ("1e99 GB", nil),
  ] as [(String, MemoryBudget?)])
  func budgetIsRead(text: String, budget: MemoryBudget?) {
    #expect(MemoryBudget(text) == budget)
  }
}
