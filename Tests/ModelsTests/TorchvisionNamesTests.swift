import Models
import Testing

/// Parameter names and shapes as torchvision has them, so that published weights load without a table.
@Suite struct TorchvisionNamesTests {
  static func norm(_ name: String, _ channels: Int) -> [String: [Int]] {
    ["\(name).weight": [channels], "\(name).bias": [channels]]
  }

  @Test(arguments: [("resnet50", 64, 1), ("resnext50_32x4d", 128, 32), ("wide_resnet50_2", 128, 1)])
  func bottleneckNetworks(name: String, firstWidth: Int, groups: Int) throws {
    var wanted: [String: [Int]] = ["conv1.weight": [64, 3, 7, 7], "fc.weight": [1000, 2048], "fc.bias": [1000]]
    wanted.merge(Self.norm("bn1", 64)) { a, _ in a }
    var inputs = 64
    for (stage, depth) in [3, 4, 6, 3].enumerated() {
      let width = firstWidth << stage, outputs = 256 << stage
      for index in 0..<depth {
        let block = "layer\(stage + 1).\(index)"
        wanted["\(block).conv1.weight"] = [width, inputs, 1, 1]
        wanted["\(block).conv2.weight"] = [width, width / groups, 3, 3]
        wanted["\(block).conv3.weight"] = [outputs, width, 1, 1]
        for (norm, channels) in [("bn1", width), ("bn2", width), ("bn3", outputs)] {
          wanted.merge(Self.norm("\(block).\(norm)", channels)) { a, _ in a }
        }
        if index == 0 {
          wanted["\(block).downsample.0.weight"] = [outputs, inputs, 1, 1]
          wanted.merge(Self.norm("\(block).downsample.1", outputs)) { a, _ in a }
        }
        inputs = outputs
      }
    }
    let network = try NetworkTrace(name, mode: .inference)
    #expect(network.fileShapes == wanted)
    #expect(network.graph.buffers.count == 2 * 53 && network.graph.buffers.compactMap(\.counterPath).count == 53)
    #expect(network.graph.buffers.map(\.path).contains("layer4.0.downsample.1.running_var"))
  }

  @Test func invertedResiduals() throws {
    let network = try NetworkTrace("mobilenet_v2", mode: .inference), shapes = network.fileShapes
    #expect(shapes.count == 158 && network.graph.buffers.count == 2 * 52)
    let samples: [String: [Int]] = [
      "features.0.0.weight": [32, 3, 3, 3], "features.0.1.bias": [32], "features.1.conv.0.0.weight": [32, 1, 3, 3],
      "features.1.conv.1.weight": [16, 32, 1, 1], "features.1.conv.2.weight": [16],
      "features.2.conv.0.0.weight": [96, 16, 1, 1], "features.2.conv.1.0.weight": [96, 1, 3, 3],
      "features.2.conv.2.weight": [24, 96, 1, 1], "features.2.conv.3.bias": [24],
      "features.17.conv.2.weight": [320, 960, 1, 1], "features.18.0.weight": [1280, 320, 1, 1],
      "features.18.1.weight": [1280], "classifier.1.weight": [1000, 1280], "classifier.1.bias": [1000],
    ]
    for (name, shape) in samples { #expect(shapes[name] == shape, "\(name)") }
  }

  @Test func attentionTakesTheNextPlaceInTheSequence() throws {
    let shapes = try NetworkTrace("mobilenet_v2", attention: ["name": "eca"], mode: .inference).fileShapes
    #expect(shapes["features.1.conv.3.conv.weight"] == [1, 1, 1])
    #expect(shapes["features.2.conv.4.conv.weight"] == [1, 1, 1])
    #expect(shapes["features.17.conv.4.conv.weight"] == [1, 1, 3])
  }
}
