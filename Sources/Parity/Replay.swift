import Compute
import Graphs

/// One pass of a fixture through our twin: inference, or a training step with the file's gradient fed in at the
/// outputs.
package struct Replay {
  /// Which runner executes the twin.
  package enum Machine: Sendable {
    case planned(workers: Int)
    case interpreted(workers: Int)
  }

  package let mode: Trace.Mode
  package let plan: Plan
  private let fixture: Fixture

  /// Traces `twin` in `mode` and holds its parameters and running statistics against the file's, name by name.
  /// - Throws: `TraceError`; `FixtureError` for a name that the file lacks and for another shape.
  package init(_ fixture: Fixture, _ twin: FixtureTwin, mode: Trace.Mode, workers: Int) throws {
    self.fixture = fixture
    self.mode = mode
    let trace = Trace(mode: mode)
    let inputs = try (0..<fixture.count(of: "input.")).map { k in
      trace.input(
        "\(k)", try Self.memoryShape(fixture.activationLayout("input.\(k)")),
        wantsGradient: mode == .training && fixture.contains("train.grad_input.\(k)"))
    }
    let prefix = Self.prefix(mode)
    let wanted = try fixture.count(of: prefix + "output.")
    let outputs = twin.outputs(inputs)
    guard outputs.count == wanted else {
      throw FixtureError("\(prefix)output", wanted: "\(wanted) outputs", found: "\(outputs.count) of ours")
    }
    for (k, output) in outputs.enumerated() where output.isValid {
      let layout = try fixture.activationLayout("\(prefix)output.\(k)")
      let shape = Self.memoryShape(layout)
      guard output.shape == shape else {
        throw FixtureError(
          "\(prefix)output.\(k)", wanted: "the shape \(shape) as in the file", found: "\(output.shape) of ours")
      }
      trace.output("\(k)", output)
      if mode == .training {
        try Self.require(fixture, "train.grad_output.\(k)", layout.shape)
        trace.root("\(k)", output)
      }
    }
    let graph = try trace.finish()
    for parameter in graph.parameters {
      try Self.require(fixture, "param.\(parameter.path)", parameter.fileLayout.shape)
    }
    for buffer in graph.buffers { try Self.require(fixture, "buffer.\(buffer.path)", buffer.shape.array) }
    plan = Plan(graph, workers: workers)
  }

  /// Runs the pass and returns what it leaves under the file's keys, each tensor in the file's own order.
  package func run(_ machine: Machine) throws -> [String: [Float]] {
    let state = try loadedState()
    let runner: any Runner
    switch machine {
    case .planned(let workers):
      runner = PlanRunner(
        plan, state: state, team: WorkerTeam(count: workers), arena: try Arena(byteCount: plan.arena.byteCount))
    case .interpreted(let workers):
      runner = Interpreter(plan, state: state, team: WorkerTeam(count: workers))
    }
    let graph = plan.program.graph
    for value in graph.values {
      guard case .input(let name, _) = value.source else { continue }
      runner.input(name).assign(try activation("input.\(name)"))
    }
    for (name, _) in graph.roots { runner.seed(name).assign(try activation("train.grad_output.\(name)")) }
    try runner.forward(random: RandomKey(0))
    if mode == .training {
      try runner.backward(bucketReady: nil)
      state.countStep()
    }
    return try results(runner, state)
  }

  private func loadedState() throws -> ModelState {
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    for parameter in plan.program.graph.parameters {
      state.view(parameter.path)!.assign(parameter.fileLayout.toMemory(try fixture.floats("param.\(parameter.path)")))
    }
    for buffer in plan.program.graph.buffers {
      state.view(buffer.path)!.assign(try fixture.floats("buffer.\(buffer.path)"))
      if let counter = buffer.counterPath {
        let steps = try fixture.integers("buffer.\(counter)")
        guard steps.count == 1, (0..<1 << 53).contains(steps[0]) else {
          throw FixtureError("buffer.\(counter)", wanted: "one count of steps", found: "\(steps.prefix(4))")
        }
        state.counters[counter] = steps[0]
      }
    }
    return state
  }

  private func results(_ runner: any Runner, _ state: ModelState) throws -> [String: [Float]] {
    let graph = plan.program.graph
    let prefix = Self.prefix(mode)
    var results: [String: [Float]] = [:]
    for (name, _) in graph.outputs {
      let key = "\(prefix)output.\(name)"
      results[key] = try fixture.activationLayout(key).toFile(runner.output(name).array)
    }
    guard mode == .training else { return results }
    for value in graph.values {
      guard case .input(let name, true) = value.source else { continue }
      let layout = try fixture.activationLayout("input.\(name)")
      results["train.grad_input.\(name)"] = layout.toFile(runner.inputGradient(name).array)
    }
    for parameter in graph.parameters {
      results["train.grad.\(parameter.path)"] = parameter.fileLayout.toFile(state.gradientView(parameter.path)!.array)
    }
    for (index, buffer) in graph.buffers.enumerated() {
      // New statistics lie beside the gradients; a norm that is frozen has none.
      let view = graph.bufferUpdates[index] == nil ? state.view(buffer.path) : state.gradientView(buffer.path)
      results["train.buffer.\(buffer.path)"] = view!.array
    }
    for (path, steps) in state.counters { results["train.buffer.\(path)"] = [Float(steps)] }
    return results
  }

  private func activation(_ key: String) throws -> [Float] {
    try fixture.activationLayout(key).toMemory(fixture.floats(key))
  }

  private static func prefix(_ mode: Trace.Mode) -> String { mode == .training ? "train." : "eval." }

  private static func memoryShape(_ layout: FileLayout) -> Shape { Shape(layout.axes.map { layout.shape[$0] }) }

  private static func require(_ fixture: Fixture, _ key: String, _ shape: [Int]) throws {
    guard fixture.contains(key) else {
      throw FixtureError(key, wanted: "a tensor of shape \(shape)", found: "none in the file")
    }
    let found = try fixture.shape(key)
    guard found == shape else { throw FixtureError(key, wanted: "the shape \(shape)", found: "\(found)") }
  }
}
