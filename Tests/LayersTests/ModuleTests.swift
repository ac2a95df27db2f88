import Compute
import Graphs
import Layers
import Testing

/// Names through modules, shared modules, and what inference leaves out.
@Suite struct ModuleTests {
  struct Perceptron: Module {
    var hidden = 4
    func callAsFunction(_ x: Tensor) -> Tensor { x.linear("fc1", hidden).relu().linear("fc2", x.channels) }
  }

  @Test func pathsGoBeforeNames() throws {
    let layer = try LayerTrace { $0.then("layer1.0", Perceptron()).then("head", Perceptron(hidden: 2)) }
    #expect(
      layer.graph.parameters.map(\.path) == [
        "layer1.0.fc1.weight", "layer1.0.fc1.bias", "layer1.0.fc2.weight", "layer1.0.fc2.bias", "head.fc1.weight",
        "head.fc1.bias", "head.fc2.weight", "head.fc2.bias",
      ])
    #expect(layer.graph.nodes.first?.path.hasPrefix("layer1.0.fc1") == true)
  }

  @Test func aSharedModuleKeepsOneSetOfParameters() throws {
    let shared = Shared(Perceptron())
    let layer = try LayerTrace { $0.then("mlp", shared) + $0.relu().then("mlp", shared) }
    #expect(layer.graph.parameters.count == 4 && layer.operators.filter { $0 == "linear" }.count == 4)
    #expect(Program(layer.graph).parametersWithoutGradient == [])
  }

  @Test func twoModulesUnderOneNameAreAMistake() {
    let plain = #expect(throws: TraceError.self) {
      _ = try LayerTrace { $0.then("mlp", Perceptron()).then("mlp", Perceptron()) }
    }
    #expect(plain?.description.contains("two layers claim the parameter mlp.fc1.weight") == true)
    let shared = #expect(throws: TraceError.self) {
      _ = try LayerTrace { $0.then("mlp", Shared(Perceptron())).then("mlp", Shared(Perceptron())) }
    }
    #expect(shared?.description.contains("two layers claim") == true)
  }

  /// A norm that is applied twice brings its statistics up to date twice, in order.
  @Test func aSharedNormUpdatesInOrder() throws {
    struct Norm: Module { func callAsFunction(_ x: Tensor) -> Tensor { x.batchNorm("bn") } }
    let shared = Shared(Norm())
    let layer = try LayerTrace { $0.then("norm", shared).relu().then("norm", shared) }
    let norms = layer.graph.nodes.filter { $0.subject.name == "batch_norm" }
    #expect(norms.count == 2 && layer.graph.buffers.count == 2)
    #expect(norms[1].inputs[3].value == norms[0].outputs[3], "the second reads what the first left")
    #expect(layer.graph.bufferUpdates[0] == norms[1].outputs[3])
  }

  @Test func identityLeavesNoTrace() throws {
    #expect(try LayerTrace { $0.then("attention", Identity()).relu() }.operators == ["relu"])
  }

  @Test func inferenceDropsNothing() throws {
    let layer: (Tensor) -> Tensor = { $0.dropout(0.5).dropPath(0.2).relu() }
    #expect(try LayerTrace(mode: .inference, layer).operators == ["relu"])
    #expect(try LayerTrace(mode: .training, layer).operators == ["dropout", "drop_path", "relu"])
    #expect(try LayerTrace { $0.dropout(0).dropPath(0).relu() }.operators == ["relu"])
  }

  @Test func negativeAxesCountFromTheEnd() throws {
    #expect(try LayerTrace { $0.mean(over: .axes([-1, -2])) }.output == [2, 6, 1, 1])
    #expect(try LayerTrace { $0.sliced(2..<5, axis: -1) }.output == [2, 6, 6, 3])
    #expect(try LayerTrace { $0.concatenated(with: [$0, $0], axis: -1) }.output == [2, 6, 6, 24])
    #expect(try LayerTrace { $0.softmax() }.output == [2, 6, 6, 8])
    let error = #expect(throws: TraceError.self) { _ = try LayerTrace { $0.sum(over: .axes([4])) } }
    #expect(error?.description.contains("cannot reduce [2, 6, 6, 8]") == true)
  }
}
