import Configuration
import Foundation
import Models
import Safetensors
import Testing
import Training

/// Files in the naming of published implementations load as they are: names and shapes below are theirs, written out,
/// behind the `module.` of the released checkpoints.
@Suite struct PublishedNamesTests {
  struct Family: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let network: [String: ConfigValue]
    let tensors: [String: [Int]]
  }

  static let families = [
    Family(
      testDescription: "CBAM in a ResNet", network: ["name": "resnet18_cifar", "attention": "cbam"],
      tensors: [
        "layer1.0.cbam.ChannelGate.mlp.1.weight": [4, 64], "layer1.0.cbam.ChannelGate.mlp.1.bias": [4],
        "layer1.0.cbam.ChannelGate.mlp.3.weight": [64, 4], "layer1.0.cbam.ChannelGate.mlp.3.bias": [64],
        "layer1.0.cbam.SpatialGate.spatial.conv.weight": [1, 2, 7, 7],
        "layer1.0.cbam.SpatialGate.spatial.bn.weight": [1], "layer1.0.cbam.SpatialGate.spatial.bn.bias": [1],
        "layer4.1.cbam.SpatialGate.spatial.bn.running_mean": [1],
        "layer4.1.cbam.SpatialGate.spatial.bn.running_var": [1], "layer2.0.downsample.0.weight": [128, 64, 1, 1],
        "layer2.0.downsample.1.running_var": [128], "conv1.weight": [64, 3, 3, 3], "bn1.weight": [64],
        "fc.weight": [10, 512],
      ]),
    Family(
      testDescription: "BAM in a ResNet", network: ["name": "resnet18_cifar", "attention": "bam"],
      tensors: [
        "bam1.channel_att.gate_c.gate_c_fc_0.weight": [4, 64], "bam1.channel_att.gate_c.gate_c_bn_1.weight": [4],
        "bam1.channel_att.gate_c.gate_c_fc_final.weight": [64, 4],
        "bam3.spatial_att.gate_s.gate_s_conv_di_1.weight": [16, 16, 3, 3],
        "bam3.spatial_att.gate_s.gate_s_conv_final.weight": [1, 16, 1, 1],
      ]),
    Family(
      testDescription: "ECA-Net's ResNet", network: ["name": "resnet18_cifar", "attention": "eca"],
      tensors: ["layer1.0.eca.conv.weight": [1, 1, 3], "layer4.1.eca.conv.weight": [1, 1, 5]]),
    Family(
      testDescription: "ECA-Net's MobileNetV2", network: ["name": "mobilenet_v2", "attention": "eca"],
      tensors: [
        "features.1.conv.3.conv.weight": [1, 1, 1], "features.2.conv.4.conv.weight": [1, 1, 1],
        "features.2.conv.0.0.weight": [96, 16, 1, 1], "features.17.conv.4.conv.weight": [1, 1, 3],
        "features.18.0.weight": [1280, 320, 1, 1], "classifier.1.weight": [1000, 1280],
      ]),
    Family(
      testDescription: "GCNet", network: ["name": "resnet50_cifar", "attention": ["name": "gc", "stages": [3, 4, 5]]],
      tensors: [
        "layer2.0.context_block.conv_mask.weight": [1, 512, 1, 1], "layer2.0.context_block.conv_mask.bias": [1],
        "layer2.0.context_block.channel_add_conv.0.weight": [32, 512, 1, 1],
        "layer2.0.context_block.channel_add_conv.1.weight": [32, 1, 1],
        "layer4.2.context_block.channel_add_conv.3.bias": [2048],
      ]),
    Family(
      testDescription: "SEM", network: ["name": "resnet83", "attention": "sem"],
      tensors: [
        "layer1.0.switch_fc.weight": [3, 64], "layer1.0.fc1.weight": [4, 64], "layer1.0.fc2.bias": [64],
        "layer1.0.conv.weight": [1, 1, 3], "layer3.8.w1": [1, 256, 1, 1], "layer3.8.b1": [1, 256, 1, 1],
      ]),
    Family(
      testDescription: "CAT", network: ["name": "resnet18_cifar", "attention": "cat"],
      tensors: [
        "layer1.0.cat.mlp.0.weight": [4, 64, 1, 1], "layer1.0.cat.mlp.2.weight": [64, 4, 1, 1],
        "layer1.0.cat.conv.weight": [1, 1, 7, 7], "layer4.1.cat.c_alpha": [1], "layer4.1.cat.s_w": [1],
        "layer4.1.cat.gauss_filter.weight": [1, 1, 5, 5],
      ]),
    Family(
      testDescription: "timm's squeeze-and-excitation",
      network: ["name": "resnet18_cifar", "attention": ["name": "se", "bias": true]],
      tensors: [
        "layer1.0.se.fc1.weight": [4, 64, 1, 1], "layer1.0.se.fc1.bias": [4], "layer1.0.se.fc2.weight": [64, 4, 1, 1],
        "layer4.1.se.fc2.bias": [512],
      ]),
    Family(
      testDescription: "timm's efficient channel attention", network: ["name": "resnet18_cifar", "attention": "eca"],
      tensors: ["layer1.0.se.conv.weight": [1, 1, 3], "layer4.1.se.conv.weight": [1, 1, 5]]),
    Family(
      testDescription: "timm's global context",
      network: ["name": "resnet50_cifar", "attention": ["name": "gc", "ratio": 0.125]],
      tensors: [
        "layer1.0.se.conv_attn.weight": [1, 256, 1, 1], "layer1.0.se.conv_attn.bias": [1],
        "layer1.0.se.mlp_add.fc1.weight": [32, 256, 1, 1], "layer1.0.se.mlp_add.norm.weight": [32],
        "layer1.0.se.mlp_add.norm.bias": [32], "layer4.2.se.mlp_add.fc2.weight": [2048, 256, 1, 1],
        "layer4.2.se.mlp_add.fc2.bias": [2048],
      ]),
    Family(
      testDescription: "timm's ResNet of the squeeze-and-excitation paper",
      network: [
        "name": "resnet50", "stem": "caffe", "strides_first": true, "attention": ["name": "se", "bias": true],
      ],
      tensors: [
        "layer0.conv1.weight": [64, 3, 7, 7], "layer0.bn1.weight": [64], "layer0.bn1.running_var": [64],
        "layer1.0.conv3.weight": [256, 64, 1, 1], "layer1.0.bn1.weight": [64],
        "layer1.0.se_module.fc1.weight": [16, 256, 1, 1], "layer4.2.se_module.fc2.bias": [2048],
        "last_linear.weight": [1000, 2048], "last_linear.bias": [1000],
      ]),
    Family(
      testDescription: "timm's ResNet with a tiered stem",
      network: [
        "name": "resnet18", "stem": "tiered", "shortcut": "average_pool",
        "attention": ["name": "eca", "kernels": "auto"],
      ],
      tensors: [
        "conv1.0.weight": [24, 3, 3, 3], "conv1.1.running_mean": [24], "conv1.3.weight": [32, 24, 3, 3],
        "conv1.6.weight": [64, 32, 3, 3], "bn1.weight": [64], "layer2.0.downsample.1.weight": [128, 64, 1, 1],
        "layer2.0.downsample.2.running_var": [128], "layer1.0.se.conv.weight": [1, 1, 3], "fc.weight": [1000, 512],
      ]),
    Family(
      testDescription: "OpenMMLab's classifiers", network: ["name": "resnet18_cifar"],
      tensors: ["conv1.weight": [64, 3, 3, 3], "head.fc.weight": [10, 512], "head.fc.bias": [10]]),
  ]

  @Test(arguments: families) func `A file in the naming of a publication loads`(family: Family) throws {
    let folder = try TemporaryFolder(), path = folder.path + "/weights"
    var writer = SafetensorsWriter()
    for (name, shape) in family.tensors {
      let count = shape.reduce(1, *)
      try writer.add("module.\(name)", shape: shape, floats: [Float](repeating: 0.25, count: count))
    }
    _ = try writer.write(to: path)
    let section = ConfigSection(family.network), name = try section.string("name")
    let entry = try #require(ModelCatalog.entries[name])
    let network = try ModelCatalog.network(section, classes: entry.classes)
    let state = try NetworkRunners(tracing: network, imageSize: 32).state
    var tolerance = WeightFile.Tolerance()
    tolerance.allowsMissing = true
    let matching = try WeightFile(WeightFile.open(path)).load(into: state, tolerance: tolerance)
    #expect(Set(matching.matched.map(\.name)) == Set(family.tensors.keys.map { "module.\($0)" }))
    #expect(matching.leftOver.isEmpty)
    for pair in matching.matched { #expect(state.view(pair.path)?.array.allSatisfy { $0 == 0.25 } == true, "\(pair)") }
  }

  /// The same layers in another order would load and compute something else.
  @Test func `Basic blocks that activate before their module do not fit`() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/weights"
    var writer = SafetensorsWriter()
    for (name, shape) in ["layer1.0.conv2.weight": [64, 64, 3, 3], "layer1.0.se_module.fc1.weight": [4, 64, 1, 1]] {
      try writer.add(name, shape: shape, floats: [Float](repeating: 0.25, count: shape.reduce(1, *)))
    }
    _ = try writer.write(to: path)
    let model: ConfigSection = ["name": "resnet18", "stem": "caffe", "attention": ["name": "se", "bias": true]]
    let state = try NetworkRunners(tracing: try ModelCatalog.network(model, classes: 10), imageSize: 32).state
    let matching = try WeightFile(WeightFile.open(path)).matching(state)
    #expect(matching.matched.map(\.name) == ["layer1.0.conv2.weight"])
    #expect(matching.leftOver.map(\.name) == ["layer1.0.se_module.fc1.weight"])
  }

  static let forms: [([String: ConfigValue], Bool)] = [
    (["name": "resnet50", "stem": "caffe", "strides_first": true], true), (["name": "resnet50"], false),
    (["name": "resnet50", "stem": "caffe"], false), (["name": "resnet50", "strides_first": true], false),
  ]

  /// The names and shapes of both forms are the same.
  @Test(arguments: forms) func `Weights for Caffe load into a network of their form alone`(
    model: [String: ConfigValue], isTheirs: Bool
  ) throws {
    let folder = try TemporaryFolder(), path = folder.path + "/weights"
    var writer = SafetensorsWriter()
    for (name, shape) in ["layer0.conv1.weight": [64, 3, 7, 7], "layer1.0.conv3.weight": [256, 64, 1, 1]] {
      try writer.add(name, shape: shape, floats: [Float](repeating: 0.25, count: shape.reduce(1, *)))
    }
    _ = try writer.write(to: path)
    let runners = try NetworkRunners(tracing: try ModelCatalog.network(ConfigSection(model), classes: 10), imageSize: 64)
    let weights = try #require(
      try StartingWeights(["weights": ["file": .string(path), "allow": ["missing"]]] as ConfigSection))
    if isTheirs {
      #expect(try weights.load(into: runners).matched.map(\.path).sorted() == ["conv1.weight", "layer1.0.conv3.weight"])
    } else {
      #expect(throws: CaffeFormError.self) { try weights.load(into: runners) }
    }
  }
}
