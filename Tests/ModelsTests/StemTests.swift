import Compute
import Configuration
import Graphs
import Models
import Operators
import Testing

/// The stems and shortcuts that a ResNet may have instead of torchvision's.
@Suite struct StemTests {
  @Test(arguments: [("deep", 32, 32), ("tiered", 24, 32)])
  func `Three layers have the names and widths of timm's`(stem: String, first: Int, second: Int) throws {
    let options: [String: ConfigValue] = ["stem": .string(stem), "shortcut": "average_pool"]
    let network = try NetworkTrace("resnet50", options: options, mode: .inference), shapes = network.fileShapes
    let wanted: [String: [Int]] = [
      "conv1.0.weight": [first, 3, 3, 3], "conv1.1.weight": [first], "conv1.3.weight": [second, first, 3, 3],
      "conv1.4.bias": [second], "conv1.6.weight": [64, second, 3, 3], "bn1.weight": [64],
      "layer1.0.downsample.1.weight": [256, 64, 1, 1], "layer1.0.downsample.2.weight": [256],
      "layer2.0.downsample.1.weight": [512, 256, 1, 1],
    ]
    for (name, shape) in wanted { #expect(shapes[name] == shape, "\(name)") }
    #expect(shapes["conv1.weight"] == nil && shapes["layer1.0.downsample.0.weight"] == nil)
    let pools = network.graph.nodes.compactMap { $0.subject as? AveragePool2D }
    #expect(pools.count == 3, "stages 3 to 5 halve the image, stage 2 does not")
    #expect(pools.allSatisfy { $0.kernel == 2 && $0.stride == 2 && $0.ceilMode && !$0.countsPadding })
  }

  /// Windows that begin at the first position cover an image of even size in as many steps as padded ones.
  @Test func `Pooling as for Caffe begins at the first position`() throws {
    let graph = try NetworkTrace("resnet18", options: ["stem": "caffe"], mode: .inference).graph
    let node = try #require(graph.nodes.first { $0.subject is MaxPool2D })
    let pool = try #require(node.subject as? MaxPool2D)
    #expect(pool.kernel == 3 && pool.stride == 2 && pool.padding == 0 && pool.ceilMode)
    #expect(graph.values[node.outputs[0].index].shape == [2, 56, 56, 64])
    let standard = try NetworkTrace("resnet18", mode: .inference).graph
    #expect(graph.parameters.map(\.path) == standard.parameters.map(\.path))
  }

  /// Of odd sizes too, where the last window of a shortcut's mean hangs over the end.
  @Test(arguments: ["caffe", "deep", "tiered", "small"]) func `Every stem trains`(stem: String) throws {
    let options: [String: ConfigValue] = ["stem": .string(stem), "shortcut": "average_pool"]
    let graph = try NetworkTrace("resnet18", options: options, classes: 10, imageSize: 39).graph
    let plan = Plan(graph, workers: 2)
    let (planned, state) = try stepResults(plan, workers: 2)
    #expect(try planned == stepResults(plan, workers: 2, interpreted: true).bits)
    #expect(plan.overlaps() == [] && plan.program.parametersWithoutGradient == [])
    withExtendedLifetime(state) {
      for parameter in graph.parameters {
        let gradient = state.gradientView(parameter.path)!.array
        #expect(gradient.allSatisfy(\.isFinite) && gradient.contains { $0 != 0 }, "\(parameter.path)")
      }
    }
  }
}
