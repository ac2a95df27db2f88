import Compute
import Graphs
import Layers
import Testing

/// Names, file layouts and operators of convolutions.
@Suite struct TensorConvolutionTests {
  @Test func weightsLieOIHWInFiles() throws {
    let layer = try LayerTrace { $0.conv("conv1", 12, kernel: .init(3, 5), padding: .init(1, 2), bias: true) }
    #expect(layer.fileShapes == ["conv1.weight": [12, 8, 3, 5], "conv1.bias": [12]])
    let weight = layer.parameter("conv1.weight")
    #expect(weight.shape == [12, 3, 5, 8] && weight.decays && !layer.parameter("conv1.bias").decays)
    // Element (o, c, i, j) of the file is element (o, i, j, c) in memory.
    let file = (0..<12 * 8 * 15).map(Float.init), memory = weight.fileLayout.toMemory(file)
    let (o, c, i, j) = (7, 3, 2, 4)
    #expect(memory[((o * 3 + i) * 5 + j) * 8 + c] == file[((o * 8 + c) * 3 + i) * 5 + j])
    #expect(weight.fileLayout.toFile(memory) == file)
    #expect(layer.output == [2, 6, 6, 12])
  }

  @Test func oneFilterAChannelIsDepthwise() throws {
    let layer = try LayerTrace { $0.conv("dw", 8, kernel: 3, stride: 2, padding: 1, groups: 8) }
    #expect(layer.operators == ["depthwise_conv2d"] && layer.output == [2, 3, 3, 8])
    let weight = layer.parameter("dw.weight")
    #expect(weight.fileLayout.shape == [8, 1, 3, 3] && weight.shape == [3, 3, 8])
    let file = (0..<72).map(Float.init), memory = weight.fileLayout.toMemory(file)
    #expect(memory[(1 * 3 + 2) * 8 + 5] == file[5 * 9 + 1 * 3 + 2])
  }

  @Test func groupsThinTheFilters() throws {
    let layer = try LayerTrace { $0.conv("conv", 16, kernel: 3, padding: 1, groups: 4) }
    #expect(layer.fileShapes == ["conv.weight": [16, 2, 3, 3]] && layer.operators == ["conv2d"])
    // One filter a channel and twice the channels is not depth-wise.
    #expect(try LayerTrace { $0.conv("conv", 16, kernel: 3, groups: 8) }.fileShapes == ["conv.weight": [16, 1, 3, 3]])
  }

  @Test func channelConvolutionsHaveThreeAxesInFiles() throws {
    let shared = try LayerTrace { $0.mean(over: .spatial).channelConv("conv", taps: 3) }
    #expect(shared.fileShapes == ["conv.weight": [1, 1, 3]] && shared.parameter("conv.weight").shape == [3])
    let own = try LayerTrace { $0.mean(over: .spatial).channelConv("conv", taps: 3, perChannel: true) }
    #expect(own.fileShapes == ["conv.weight": [8, 1, 3]] && own.output == [2, 1, 1, 8])
  }

  @Test(arguments: [
    (0, 1, "conv: cannot convolve [2, 6, 6, 8] to 0 channels"), (9, 2, "conv: cannot convolve"),
    (8, 0, "conv: cannot convolve"), (6, 3, "conv: cannot convolve"),
  ])
  func channelsMustDivide(outputs: Int, groups: Int, sentence: String) {
    let error = #expect(throws: TraceError.self) {
      _ = try LayerTrace { $0.conv("conv", outputs, kernel: 1, groups: groups).relu() }
    }
    #expect(error?.description.hasPrefix(sentence) == true)
  }
}
