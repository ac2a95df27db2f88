import Compute
import Graphs
import Operators
import Support
import Testing

@Suite struct ChooseConvolutionMethodsTests {
  /// A stem and two 3x3 convolutions of 64 channels, the second with stride 2.
  private func graph() throws -> Graph {
    let trace = Trace(mode: .training)
    func parameter(_ name: String, _ shape: Shape) -> Tensor {
      trace.parameter(
        name, shape,
        initializer: Initializer("uniform") { memory, stream in
          for index in memory.indices { memory[index] = stream.uniform(-0.1, 0.1) }
        }, decays: true)
    }
    let result = trace.input("images", [2, 32, 32, 3], wantsGradient: true)
      .applying(Conv2D(padding: 1), with: [parameter("stem.weight", [64, 3, 3, 3])]).applying(ReLU())
      .applying(Conv2D(padding: 1), with: [parameter("conv1.weight", [64, 3, 3, 64])]).applying(ReLU())
      .applying(Conv2D(stride: 2, padding: 1), with: [parameter("conv2.weight", [64, 3, 3, 64])])
    trace.output("result", result)
    trace.root("result", result)
    return try trace.finish()
  }

  @Test func onEqualsOff() throws {
    let graph = try graph()
    let on = Plan(graph, workers: 2), off = Plan(graph, workers: 2, rewrites: [RemoveUnusedNodes()])
    let found = try PlanRunnerTests.results(on, workers: 2), wanted = try PlanRunnerTests.results(off, workers: 2)
    for (mine, theirs) in zip(found, wanted) {
      #expect(Deviation(of: mine, from: theirs.map(Double.init)).relative < 1e-5)
    }
    #expect(found != wanted, "nothing was rewritten")
    #expect(try found == PlanRunnerTests.results(on, workers: 2, interpreted: true))
    #expect(try found == PlanRunnerTests.results(Plan(graph, workers: 3), workers: 3))
  }

  @Test func thePlanTellsTheMethod() throws {
    let graph = try graph()
    let on = Plan(graph, workers: 2), off = Plan(graph, workers: 2, rewrites: [RemoveUnusedNodes()])
    let kinds = on.program.steps.map { on.program.kind(of: $0).name }.filter { $0.hasPrefix("conv2d") }
    #expect(
      kinds.prefix(3) == ["conv2d 3x3", "conv2d 3x3 winograd", "conv2d 3x3 stride 2"]
        && kinds.count == 6)
    #expect(on.description.contains("conv2d 3x3 winograd"))
    #expect(!off.description.contains("winograd"))
    #expect(on.fingerprint != off.fingerprint)
  }

  /// What was measured wins over the rule, both ways; what was not goes by the rule.
  @Test func measuredChoicesWin() throws {
    let graph = try graph(), rule = ChooseConvolutionMethods().apply(to: graph)
    func methods(_ graph: Graph) -> [ConvolutionMethod?] { graph.nodes.compactMap { $0.subject as? Conv2D }.map(\.method) }
    #expect(methods(rule) == [nil, .winograd, nil])
    let cases = graph.nodes.compactMap { node in
      (node.subject as? Conv2D).flatMap { ConvolutionChoices.name(of: $0, node.inputs.map(\.shape)) }
    }
    #expect(cases == ["[2, 32, 32, 3] by [64, 3, 3, 3], padding 1x1", "[2, 32, 32, 64] by [64, 3, 3, 64], padding 1x1"])
    let turned = ConvolutionChoices(winograd: [cases[0]: true, cases[1]: false])
    #expect(methods(ChooseConvolutionMethods(turned).apply(to: graph)) == [.winograd, nil, nil])
    let partial = ConvolutionChoices(winograd: [cases[0]: true])
    #expect(methods(ChooseConvolutionMethods(partial).apply(to: graph)) == [.winograd, .winograd, nil])
    let names = Plan.rewrites(except: ["fuse_normalization"], choices: turned).map(\.name)
    #expect(names == Plan.rewrites.map(\.name).filter { $0 != "fuse_normalization" })
  }
}
