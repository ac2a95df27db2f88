import Compute
import Graphs
import Operators
import Support
import Testing

/// Layers that activate their own tiles against layer and activation apart.
@Suite struct FuseLinearActivationTests {
  static let activations: [any Operator & Sendable] = [ReLU(), SiLU(), GELU(), GELU(approximation: .tanh)]

  static func parameter(_ trace: Trace, _ name: String, _ shape: Shape) -> Tensor {
    let initializer = Initializer("uniform") { memory, stream in
      for index in memory.indices { memory[index] = stream.uniform(-0.5, 0.5) }
    }
    return trace.parameter(name, shape, initializer: initializer, decays: true)
  }

  /// A perceptron of two layers around each activation, and a layer whose product is read twice.
  static func graph(_ mode: Trace.Mode = .training) throws -> Graph {
    let trace = Trace(mode: mode)
    var x = trace.input("images", [3, 11, 20], wantsGradient: true)
    for (index, activation) in activations.enumerated() {
      let w = parameter(trace, "\(index).w", [33, 20]), b = parameter(trace, "\(index).b", [33])
      let v = parameter(trace, "\(index).v", [20, 33])
      let hidden = x.applying(Linear(), with: [w, b]).applying(activation)
      x = x.applying(Add(), with: [hidden.applying(Linear(), with: [v])])
    }
    let twice = x.applying(Linear(), with: [parameter(trace, "twice", [20, 20])])
    let result = twice.applying(Add(), with: [twice.applying(GELU())])
    trace.output("result", result)
    if mode == .training { trace.root("result", result) }
    return try trace.finish()
  }

  @Test func onEqualsOff() throws {
    let graph = try Self.graph()
    let on = Plan(graph, workers: 2, rewrites: [FuseLinearActivation()]), off = Plan(graph, workers: 2, rewrites: [])
    let fused = on.program.graph.nodes.compactMap { $0.subject as? Linear }.filter { $0.activation != nil }
    #expect(fused.map(\.activation) == [.relu, .silu, .gelu(.none), .gelu(.tanh)])
    #expect(on.program.graph.nodes.count == off.program.graph.nodes.count - 4)
    #expect(on.layout.parameters.map(\.path) == off.layout.parameters.map(\.path))
    let found = try PlanRunnerTests.results(on, workers: 2), wanted = try PlanRunnerTests.results(off, workers: 2)
    for (found, wanted) in zip(found, wanted) {
      #expect(Deviation(of: found, from: wanted.map(Double.init)).relative < 1e-6)
    }
    #expect(try found == PlanRunnerTests.results(on, workers: 3, interpreted: true))
  }

  @Test func inferenceKeepsNoArguments() throws {
    let graph = FuseLinearActivation().apply(to: try Self.graph(.inference))
    #expect(graph.nodes.filter { $0.subject is Linear }.allSatisfy { $0.outputs.count == 1 })
  }

  @Test func aReshapedProductStaysApart() throws {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [2, 6, 4]).applying(Linear(), with: [Self.parameter(trace, "w", [8, 4])])
    trace.root("result", x.reshaped(12, 8).applying(GELU()))
    #expect(FuseLinearActivation().apply(to: try trace.finish()).nodes.count == 2)
  }
}
