import CAllocationCounter
import Compute
import Graphs
import Operators
import Support
import Testing

/// The planned run against its slow twin, on random graphs.
@Suite(.serialized) struct PlanRunnerTests {
  /// Everything that a run leaves: outputs, gradients of inputs and parameters.
  static func results(_ plan: Plan, workers: Int, interpreted: Bool = false, runs: Int = 1) throws -> [[Float]] {
    let team = WorkerTeam(count: workers)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    let runner: any Runner =
      interpreted
      ? Interpreter(plan, state: state, team: team)
      : PlanRunner(plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount))
    for run in 0..<runs {
      var stream = RandomStream(RandomKey(2))
      for view in [runner.input("images"), runner.seed("result")] {
        view.assign((0..<view.count).map { _ in stream.uniform(-1, 1) })
      }
      try runner.forward(random: RandomKey(UInt64(run)))
      try runner.backward(bucketReady: nil)
    }
    return [runner.output("result").array, runner.inputGradient("images").array, state.gradients.array]
  }

  @Test(arguments: 0..<60) func planEqualsInterpreter(seed: Int) throws {
    let graph = try randomGraph(seed: seed)
    let plan = Plan(graph, workers: 2)
    let planned = try Self.results(plan, workers: 2)
    #expect(try planned == Self.results(plan, workers: 2, interpreted: true))
    #expect(try planned == Self.results(plan, workers: 2, runs: 3), "a second run gives other numbers than the first")
    #expect(try planned == Self.results(Plan(graph, workers: 3), workers: 3), "three workers")
    #expect(try planned == Self.results(Plan(graph, workers: 1, inPlace: false), workers: 1), "nothing in place")
  }

  @Test(arguments: 0..<40) func liveValuesNeverOverlap(seed: Int) throws {
    let plan = Plan(try randomGraph(seed: seed), workers: 2)
    #expect(plan.overlaps() == [])
    #expect(plan.arena.byteCount >= plan.arena.lowerBoundBytes)
  }

  @Test func replayAllocatesNothing() throws {
    let plan = Plan(try randomGraph(seed: 7), workers: 2, bucketBytes: 64)
    let team = WorkerTeam(count: 2)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    let runner = PlanRunner(plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount))
    runner.input("images").assign([Float](repeating: 0.5, count: runner.input("images").count))
    runner.seed("result").assign([Float](repeating: 0.5, count: runner.seed("result").count))
    var closed = 0
    let ready: (Int) -> Void = { _ in closed += 1 }
    for _ in 0..<2 {
      runner.forward(random: RandomKey(0))
      runner.backward(bucketReady: ready)
    }
    team.run { _ in allocation_watch(1) }
    let before = allocation_count()
    for _ in 0..<5 {
      runner.forward(random: RandomKey(0))
      runner.backward(bucketReady: ready)
    }
    let allocations = allocation_count() - before
    team.run { _ in allocation_watch(0) }
    #expect(allocations == 0)
    #expect(closed == 7 * plan.buckets.count)
  }
}
