import Compute
import Graphs
import Layers
import Testing

/// Norms: names, what they start with, and which statistics each mode uses.
@Suite struct TensorNormalizationTests {
  @Test func batchNormNamesItsStatistics() throws {
    let layer = try LayerTrace { $0.batchNorm("bn1") }
    #expect(layer.fileShapes == ["bn1.weight": [8], "bn1.bias": [8]])
    #expect(layer.graph.buffers.map(\.path) == ["bn1.running_mean", "bn1.running_var"])
    #expect(layer.graph.buffers.compactMap(\.counterPath) == ["bn1.num_batches_tracked"])
    #expect(layer.graph.parameters.allSatisfy { !$0.decays })
    #expect(layer.graph.bufferUpdates.count == 2)
  }

  @Test(arguments: [Float(1), 0]) func batchNormStartsNeutral(scale: Float) throws {
    let layer = try LayerTrace { $0.batchNorm("bn", scale: scale) }
    #expect(try layer.start("bn.weight") == [Float](repeating: scale, count: 8))
    #expect(try layer.start("bn.bias") == [Float](repeating: 0, count: 8))
    #expect(try layer.start("bn.running_mean") == [Float](repeating: 0, count: 8))
    #expect(try layer.start("bn.running_var") == [Float](repeating: 1, count: 8))
  }

  @Test func inferenceReadsRunningStatisticsAndLeavesThem() throws {
    let layer = try LayerTrace(mode: .inference) { $0.batchNorm("bn") }
    #expect(layer.graph.bufferUpdates.isEmpty && layer.operators == ["batch_norm_inference"])
    #expect(layer.graph.nodes[0].inputs.count == 5)
  }

  @Test func layerNormMayHaveAnotherShapeInFiles() throws {
    #expect(try LayerTrace { $0.layerNorm("norm") }.fileShapes == ["norm.weight": [8], "norm.bias": [8]])
    let layer = try LayerTrace { $0.layerNorm("norm", fileShape: [8, 1, 1]) }
    #expect(layer.fileShapes == ["norm.weight": [8, 1, 1], "norm.bias": [8, 1, 1]])
    #expect(try layer.start("norm.weight") == [Float](repeating: 1, count: 8))
    #expect(layer.graph.parameters.allSatisfy { !$0.decays })
  }
}
