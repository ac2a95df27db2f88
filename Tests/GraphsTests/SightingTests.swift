import Compute
import Graphs
import Operators
import Support
import Testing

/// What is marked is kept in a watched trace alone, and its gradient is the network's own.
@Suite struct SightingTests {
  /// tanh, marked under two shapes, and a square of it.
  private func trace(isWatched: Bool) throws -> (trace: Trace, graph: Graph) {
    let trace = Trace(mode: .inference, isWatched: isWatched)
    let x = trace.input("x", [1, 2, 3])
    let y = trace.scope("layer1.gate") { x.applying(Tanh()).seen(as: .gate).seen(as: .attention, [1, 1, 2, 3]) }
    trace.output("z", y.applying(Multiply(), with: [y]))
    return (trace, try trace.finish())
  }

  @Test func `A trace that nobody watches has not changed`() throws {
    let (plain, watched) = (try trace(isWatched: false), try trace(isWatched: true))
    #expect(plain.trace.sightings.isEmpty && plain.graph.outputs.map(\.name) == ["z"])
    #expect(plain.graph.nodes.map(\.path) == watched.graph.nodes.map(\.path))
    #expect(plain.graph.nodes.map(\.inputs) == watched.graph.nodes.map(\.inputs))
    #expect(plain.graph.values.count == watched.graph.values.count)
  }

  @Test func `A watched trace keeps what is marked, with its path and shape`() throws {
    let (trace, graph) = try trace(isWatched: true)
    #expect(trace.sightings.map(\.path) == ["layer1.gate", "layer1.gate"])
    #expect(trace.sightings.map(\.sight) == [.gate, .attention])
    #expect(trace.sightings.map(\.shape) == [[1, 2, 3], [1, 1, 2, 3]])
    let plan = Plan(graph, workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    runner.input("x").assign([0, 1, -1, 0.5, 2, -2])
    try runner.forward(random: RandomKey(0))
    let seen = runner.output(trace.sightings[0].output).array, squares = runner.output("z").array
    #expect(zip(seen, [0, 0.7615942, -0.7615942, 0.4621172, 0.9640276, -0.9640276]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(zip(seen, squares).allSatisfy { abs($0 * $0 - $1) < 1e-6 })
  }

  /// Of z = Σ s_i w_i y_i³ with y in the middle of the graph: s_i w_i 3 y_i² by hand, and no other gradient.
  @Test func `The gradient of an output is computed alone`() throws {
    let trace = Trace(mode: .inference)
    let x = trace.input("x", [4]), bias = trace.parameter("bias", [4], initializer: .constant(0.25), decays: false)
    let w = trace.parameter("w", [4], initializer: .constant(2), decays: false)
    let y = x.applying(Add(), with: [bias])
    trace.output("y", y)
    trace.root("z", y.applying(Multiply(), with: [y]).applying(Multiply(), with: [y]).applying(Multiply(), with: [w]))
    trace.wantGradient(ofOutput: "y")
    let plan = Plan(try trace.finish(), workers: 2)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    state.gradients.assign([Float](repeating: 7, count: state.gradients.count))
    let runners: [any Runner] = [
      Interpreter(plan, state: state, team: WorkerTeam(count: 2)),
      PlanRunner(plan, state: state, team: WorkerTeam(count: 2), arena: try Arena(byteCount: plan.arena.byteCount)),
    ]
    for runner in runners {
      runner.input("x").assign([0, 1, -1.25, 2])
      runner.seed("z").assign([1, 1, 1, 0.5])
      try runner.forward(random: RandomKey(0))
      try runner.backward(bucketReady: nil)
      #expect(runner.output("y").array == [0.25, 1.25, -1, 2.25])
      #expect(runner.outputGradient("y").array == [0.375, 9.375, 6, 15.1875])
    }
    #expect(state.gradients.array.allSatisfy { $0 == 7 }, "nothing else is written")
  }

  @Test func `The gradient of what leads nowhere is zero, and of what is not there a mistake`() throws {
    let trace = Trace(mode: .inference)
    let x = trace.input("x", [2])
    trace.output("lost", x.applying(Tanh()))
    trace.root("z", x.applying(ReLU()))
    trace.wantGradient(ofOutput: "lost")
    let plan = Plan(try trace.finish(), workers: 1)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    let runner = Interpreter(plan, state: state, team: WorkerTeam(count: 1))
    runner.input("x").assign([1, 2])
    runner.seed("z").assign([1, 1])
    try runner.forward(random: RandomKey(0))
    try runner.backward(bucketReady: nil)
    #expect(runner.outputGradient("lost").array == [0, 0])

    trace.wantGradient(ofOutput: "lots")
    let error = #expect(throws: TraceError.self) { try trace.finish() }
    #expect(error?.description == "no output is called lots, whose gradient is asked for")
  }
}
