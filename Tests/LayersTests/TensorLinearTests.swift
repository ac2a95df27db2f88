import Compute
import Graphs
import Layers
import Testing

/// Names and shapes of fully connected layers.
@Suite struct TensorLinearTests {
  @Test func weightsAreOutputsByInputs() throws {
    let layer = try LayerTrace([5, 8]) { $0.linear("fc", 3) }
    #expect(layer.fileShapes == ["fc.weight": [3, 8], "fc.bias": [3]] && layer.output == [5, 3])
    #expect(layer.parameter("fc.weight").decays && !layer.parameter("fc.bias").decays)
    let weight = layer.parameter("fc.weight")
    #expect(weight.fileLayout.toMemory([Float](repeating: 1, count: 24)).count == 24 && weight.shape == [3, 8])
  }

  @Test func biasMayBeMissing() throws {
    let layer = try LayerTrace { $0.mean(over: .spatial).linear("fc.0", 2, bias: false) }
    #expect(layer.fileShapes == ["fc.0.weight": [2, 8]] && layer.output == [2, 1, 1, 2])
  }

  @Test func noOutputsAreAMistake() {
    let error = #expect(throws: TraceError.self) { _ = try LayerTrace { $0.linear("fc", 0) } }
    #expect(error?.description == "fc: cannot project [2, 6, 6, 8] to 0 features")
  }
}
