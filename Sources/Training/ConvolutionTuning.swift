import Compute
import Graphs
import Operators

/// Times the methods that the convolutions of a training step can take, forwards and backwards, on this machine
/// (`run.tune`).
package struct ConvolutionTuning {
  /// Steps of each method that are timed, after one that is not; the shortest counts, since others share the machine.
  private static let steps = 3

  private let team: WorkerTeam

  package init(team: WorkerTeam) { self.team = team }

  /// The faster method of every case of `graph` that is not in `known`, and these.
  /// - Throws: `ArenaError` when the memory for a single convolution is not to be had.
  package func choices(for graph: Graph, known: ConvolutionChoices) throws -> ConvolutionChoices {
    var choices = known
    for node in graph.nodes {
      let shapes = node.inputs.map(\.shape)
      guard let convolution = node.subject as? Conv2D, let name = ConvolutionChoices.name(of: convolution, shapes),
        choices.winograd[name] == nil
      else { continue }
      let plain = try seconds(convolution, shapes), winograd = try seconds(convolution.computed(by: .winograd), shapes)
      choices.winograd[name] = winograd < plain
    }
    return choices
  }

  /// The shortest forward and backward pass of one convolution.
  private func seconds(_ convolution: Conv2D, _ shapes: [Shape]) throws -> Double {
    let trace = Trace(mode: .training)
    let operands = shapes.dropFirst().enumerated().map { index, shape in
      trace.parameter("operand\(index)", shape, initializer: Self.uniform, decays: false)
    }
    let y = trace.input("x", shapes[0], wantsGradient: true).applying(convolution, with: operands)
    trace.output("y", y)
    trace.root("y", y)
    let plan = Plan(try trace.finish(), workers: team.count, rewrites: [])
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    let runner = PlanRunner(
      plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount, firstTouchedBy: team))
    var stream = RandomStream(RandomKey(1))
    for view in [runner.input("x"), runner.seed("y")] {
      for index in 0..<view.count { view[index] = stream.uniform(-1, 1) }
    }
    var shortest = Double.infinity
    for step in 0...Self.steps {
      let start = now()
      runner.forward(random: RandomKey(0))
      runner.backward()
      if step > 0 { shortest = min(shortest, Double(now() - start) * 1e-9) }
    }
    return shortest
  }

  private static let uniform = Initializer("uniform") { memory, stream in
    for index in memory.indices { memory[index] = stream.uniform(-0.1, 0.1) }
  }
}

extension ConvolutionChoices {
  /// For the log.
  var sentence: String {
    let faster = winograd.values.count { $0 }
    return "convolutions measured on this machine: \(faster) of \(winograd.count) shapes by Winograd's method"
  }
}
