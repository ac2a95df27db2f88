import Configuration
import Models
import Safetensors
import Testing
import Training

/// MobileNetV2 in timm's names: which layer is which follows from the blocks that a file has.
@Suite struct MobileNetNamesTests {
  /// Blocks of each stage of table 2.
  static let depths = [1, 2, 3, 4, 3, 3, 1]

  /// timm's name and torchvision's of every layer, convolutions and norms in order.
  static let layers: [(timm: String, torchvision: String)] = {
    var layers = [("conv_stem", "features.0.0"), ("bn1", "features.0.1")], place = 1
    for (stage, depth) in depths.enumerated() {
      for block in 0..<depth {
        let words = stage == 0
          ? [("conv_dw", "0.0"), ("bn1", "0.1"), ("conv_pw", "1"), ("bn2", "2")]
          : [
            ("conv_pw", "0.0"), ("bn1", "0.1"), ("conv_dw", "1.0"), ("bn2", "1.1"), ("conv_pwl", "2"), ("bn3", "3"),
          ]
        layers += words.map { ("blocks.\(stage).\(block).\($0)", "features.\(place).conv.\($1)") }
        place += 1
      }
    }
    return layers + [("conv_head", "features.18.0"), ("bn2", "features.18.1"), ("classifier", "classifier.1")]
  }()

  @Test func `A whole file fits, layer by layer`() throws {
    let network = try ModelCatalog.network(["name": "mobilenet_v2"], classes: 10)
    let state = try NetworkRunners(tracing: network, imageSize: 32).state
    let folder = try TemporaryFolder(), path = folder.path + "/weights"
    var writer = SafetensorsWriter(), wanted: [String: String] = [:], number: Float = 0
    for entry in state.layout.parameters + state.layout.buffers {
      let layer = try #require(Self.layers.first { entry.path.hasPrefix($0.torchvision + ".") }, "\(entry.path)")
      let name = "module." + layer.timm + entry.path.dropFirst(layer.torchvision.count)
      let shape = try #require(state.fileLayout(entry.path)).shape
      number += 1
      try writer.add(name, shape: shape, floats: [Float](repeating: number, count: shape.reduce(1, *)))
      wanted[entry.path] = name
    }
    _ = try writer.write(to: path)
    let matching = try WeightFile(WeightFile.open(path)).load(into: state)
    #expect(Dictionary(uniqueKeysWithValues: matching.matched.map { ($0.path, $0.name) }) == wanted)
    #expect(wanted["features.2.conv.1.1.bias"] == "module.blocks.1.0.bn2.bias")
    #expect(wanted["features.17.conv.2.weight"] == "module.blocks.6.0.conv_pwl.weight")
    let numbers = try (state.layout.parameters + state.layout.buffers).map { try #require(state.view($0.path)).array }
    #expect(numbers.enumerated().allSatisfy { index, values in values.allSatisfy { $0 == Float(index + 1) } })
  }

  /// A block too many is left over, and the layers behind it are others than the network's.
  @Test func `Another network's file does not fit`() throws {
    let network = try ModelCatalog.network(["name": "mobilenet_v2"], classes: 10)
    let state = try NetworkRunners(tracing: network, imageSize: 32).state
    let folder = try TemporaryFolder(), path = folder.path + "/weights"
    var writer = SafetensorsWriter()
    for name in Self.layers.map(\.timm) + ["blocks.6.1.conv_pwl", "blocks.x.1.conv_pwl"] {
      try writer.add(name + ".weight", shape: [1], floats: [1])
    }
    _ = try writer.write(to: path)
    let error = #expect(throws: WeightError.self) { try WeightFile(WeightFile.open(path)).load(into: state) }
    let left = error?.matching.leftOver.map(\.name) ?? []
    #expect(Set(left).isSuperset(of: ["conv_head.weight", "bn2.weight", "blocks.x.1.conv_pwl.weight"]), "\(left)")
  }
}
