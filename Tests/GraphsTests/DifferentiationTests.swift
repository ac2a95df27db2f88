import Compute
import Graphs
import Operators
import Support
import Testing

/// Gradients of whole graphs against central differences of the graph itself.
@Suite struct DifferentiationTests {
  @Test(arguments: 100..<115) func agreesWithDifferences(seed: Int) throws {
    let plan = Plan(try randomGraph(seed: seed), workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    var stream = RandomStream(RandomKey(UInt64(seed)))
    let input = runner.input("images"), seedView = runner.seed("result")
    input.assign((0..<input.count).map { _ in stream.uniform(-1, 1) })
    seedView.assign((0..<seedView.count).map { _ in stream.uniform(-1, 1) })
    let weights = seedView.array
    try runner.forward(random: RandomKey(0))
    try runner.backward(bucketReady: nil)
    let gradients = state.gradients.array

    func loss() throws -> Double {
      try runner.forward(random: RandomKey(0))
      // The root is tanh of the output.
      return zip(runner.output("result").array, weights).reduce(0) {
        $0 + Double(Lanes(repeating: $1.0).hyperbolicTangent[0]) * Double($1.1)
      }
    }
    for entry in plan.layout.parameters.prefix(4) {
      let at = entry.range.lowerBound + stream.integer(below: entry.range.count)
      let start = state.values[at], h: Float = 1.0 / 256
      state.values[at] = start + h
      let above = try loss()
      state.values[at] = start - h
      let below = try loss()
      state.values[at] = start
      let difference = (above - below) / (2 * Double(h))
      // Single precision and a step of 2^-8 leave about three digits; a wrong sign or a missing term leaves none.
      #expect(abs(difference - Double(gradients[at])) < 0.02 * max(1, abs(difference)), "\(entry.path)")
    }
  }

  @Test func unusedParameterHasZeroGradientAndIsNamed() throws {
    let trace = Trace(mode: .training)
    let x = trace.input("x", [2, 3])
    _ = trace.scope("unused") {
      trace.parameter("weight", [4], initializer: .constant(1), decays: true)
    }
    let w = trace.parameter("weight", [5, 3], initializer: .constant(0.5), decays: true)
    trace.root("loss", x.applying(Linear(), with: [w]))
    let plan = Plan(try trace.finish(), workers: 1)
    #expect(plan.program.parametersWithoutGradient == ["unused.weight"])
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    let runner = PlanRunner(plan, state: state, team: WorkerTeam(count: 1), arena: try Arena(byteCount: plan.arena.byteCount))
    state.gradients.assign([Float](repeating: 9, count: state.gradients.count))
    runner.input("x").assign([1, 2, 3, 4, 5, 6])
    runner.seed("loss").assign([Float](repeating: 1, count: 10))
    runner.forward(random: RandomKey(0))
    runner.backward()
    #expect(state.gradientView("unused.weight")!.array == [0, 0, 0, 0])
    #expect(state.gradientView("weight")!.array == [Float](repeating: 0, count: 5).flatMap { _ in [5, 7, 9] as [Float] })
  }

  @Test func branchThatNobodyReadsIsDropped() throws {
    let trace = Trace(mode: .inference)
    let x = trace.input("x", [2, 3])
    _ = x.applying(ReLU()).applying(Tanh())
    trace.output("y", x.applying(Tanh()))
    #expect(Plan(try trace.finish(), workers: 1).program.steps.map(\.path) == ["tanh"])
  }
}
