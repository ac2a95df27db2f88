import Compute
import Graphs
import Operators
import Support
import Testing

/// Sums that their norm computes against sum and norm apart.
@Suite struct FuseAddLayerNormTests {
  /// Blocks x + f(norm(x)), so that a sum is read by its norm and by the next sum.
  static func graph() throws -> Graph {
    let trace = Trace(mode: .training)
    func norm(_ x: Tensor, _ name: String) -> Tensor {
      let w = FuseLinearActivationTests.parameter(trace, name + ".w", [20])
      return trace.apply(LayerNorm(), [x, w, FuseLinearActivationTests.parameter(trace, name + ".b", [20])])[0]
    }
    var x = trace.input("images", [3, 11, 20], wantsGradient: true)
    for index in 0..<3 {
      let branch = norm(x, "\(index)").applying(GELU())
      x = x.applying(Add(), with: [branch])
    }
    let twice = x.applying(Add(), with: [x])
    let broadcast = x.applying(Add(), with: [FuseLinearActivationTests.parameter(trace, "shift", [20])])
    // Only its norm reads this sum: the fused node gets no gradient at the sum itself.
    let last = norm(x.applying(Add(), with: [broadcast.applying(GELU())]), "last")
    let others = norm(broadcast, "broadcast").applying(Add(), with: [last])
    let result = norm(twice, "twice").applying(Add(), with: [others])
    trace.output("result", result)
    trace.root("result", result)
    return try trace.finish()
  }

  @Test func onEqualsOff() throws {
    let graph = try Self.graph()
    let on = Plan(graph, workers: 2, rewrites: [FuseAddLayerNorm()]), off = Plan(graph, workers: 2, rewrites: [])
    #expect(on.program.graph.nodes.map(\.subject.name).filter { $0 == "add_layer_norm" }.count == 3)
    #expect(on.program.graph.nodes.count == off.program.graph.nodes.count - 3)
    let found = try PlanRunnerTests.results(on, workers: 2), wanted = try PlanRunnerTests.results(off, workers: 2)
    for (found, wanted) in zip(found, wanted) {
      #expect(Deviation(of: found, from: wanted.map(Double.init)).relative < 1e-6)
    }
    #expect(try found == PlanRunnerTests.results(on, workers: 3, interpreted: true))
    #expect(on.overlaps() == [])
  }
}
