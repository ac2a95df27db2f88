import Configuration
import Graphs
import Layers
import Models
import Optimizers
import Tasks
import Testing
import Training

/// What becomes of a model's parameters in the layout that the update rules see.
@Suite struct ParameterLayoutTests {
  private let classification = Classification()

  /// Each kind of weight once.
  private struct Kinds: Module {
    func callAsFunction(_ images: Tensor) -> Tensor {
      images.conv("conv", 8, kernel: 3, padding: 1).conv("depthwise", 8, kernel: 3, padding: 1, groups: 8)
        .batchNorm("bn").mean(over: .spatial).reshaped(images.shape[0], -1).linear("hidden", 12).linear("fc", 10)
    }
  }

  @Test func `Units are output channels, and the last layer is the classifier`() throws {
    let graph = try NetworkRunners.graph(Kinds(), classification, batch: 2, image: [16, 16, 3], mode: .training)
    let program = Plan(graph, workers: 1)
    let state = try ModelState(program.program, layout: program.layout, key: .init(1))
    let layout = ParameterLayout(state, decaysEverything: false, layerDecay: nil)
    func tensor(_ path: String) throws -> ParameterTensor {
      let range = try #require(state.layout.parameter(path)).range
      return try #require(layout.tensors.first { $0.group.range == range })
    }
    #expect(layout.tensors.count == 8)
    #expect(try tensor("conv.weight").units == OutputUnits(outer: 1, count: 8, inner: 27))
    #expect(try tensor("depthwise.weight").units == OutputUnits(outer: 9, count: 8, inner: 1))
    #expect(try tensor("hidden.weight").units == OutputUnits(outer: 1, count: 12, inner: 8))
    #expect(try tensor("bn.weight").units == OutputUnits(outer: 1, count: 1, inner: 8))
    for path in ["conv.weight", "bn.weight", "bn.bias", "hidden.weight", "hidden.bias"] {
      #expect(try !tensor(path).isClassifier, "\(path)")
    }
    #expect(try tensor("fc.weight").isClassifier && tensor("fc.bias").isClassifier)
    #expect(try tensor("fc.weight").group.decays && !tensor("fc.bias").group.decays)
    #expect(try !tensor("bn.weight").group.decays)
    #expect(layout.count == state.layout.parameters.reduce(0) { $0 + $1.range.count })
  }

  private func scales(_ name: String, _ attention: String? = nil) throws -> (paths: [String], layers: [Int], [Float]) {
    let entry = try #require(ModelCatalog.entries[name])
    var section: [String: ConfigValue] = ["name": .string(name)]
    if let attention { section["attention"] = .string(attention) }
    let network = try ModelCatalog.network(ConfigSection(section, path: "model"), classes: entry.classes)
    let graph = try NetworkRunners.graph(
      network, classification, batch: 1, image: [entry.imageSize, entry.imageSize, 3], mode: .inference)
    let parameters = graph.parameters.map(LayerDecay.Parameter.init)
    return (
      parameters.map(\.path), LayerDecay.layers(of: parameters), LayerDecay(0.75).rateScales(of: parameters)
    )
  }

  /// `lr_scale` of timm 1.0.15's `param_groups_layer_decay(model, layer_decay=0.75)`.
  @Test(arguments: [
    (
      "resnet18", 10,
      [
        "conv1.weight": 0.07508468627929688, "bn1.bias": 0.07508468627929688,
        "layer1.0.conv1.weight": 0.1001129150390625, "layer2.1.bn2.weight": 0.2373046875,
        "layer3.0.downsample.0.weight": 0.31640625, "layer4.1.conv2.weight": 0.75, "fc.weight": 1,
      ]
    ),
    (
      "resnet50", 18,
      [
        "conv1.weight": 0.00751694681821391, "layer1.0.conv1.weight": 0.010022595757618546,
        "layer3.5.bn2.weight": 0.31640625, "layer4.2.conv3.weight": 0.75, "fc.bias": 1,
      ]
    ),
  ])
  func `Rates fall towards the stem as timm's do`(name: String, layers: Int, wanted: [String: Float]) throws {
    let (paths, numbers, scales) = try scales(name)
    #expect(Set(numbers).count == layers)
    for (path, scale) in wanted {
      let found = scales[try #require(paths.firstIndex(of: path))]
      #expect(abs(found - scale) <= 1e-7 * scale, "\(path): \(found)")
    }
  }

  @Test(arguments: [
    ("resnet20", nil, 11), ("preact_resnet164", nil, 56), ("vgg16_bn", nil, 16), ("vgg16_bn_cifar", nil, 14),
    ("mobilenet_v2", nil, 20), ("mobilenet_1.0", nil, 15), ("resnet50", "cbam", 18), ("resnet50", "bam", 18),
    ("vgg16_bn", "se", 16), ("mobilenet_v2", "se", 20),
  ])
  func `Blocks, stem and classifier are the layers`(name: String, attention: String?, layers: Int) throws {
    let (_, numbers, _) = try scales(name, attention)
    #expect(Set(numbers) == Set(0..<layers))
  }

  @Test func `In every network of the catalogue layers follow the trace up to the classifier`() throws {
    for name in ModelCatalog.entries.keys.sorted() {
      let (_, numbers, scales) = try scales(name)
      #expect(numbers == numbers.sorted() && numbers.first == 0 && scales.last == 1, "\(name)")
      #expect(numbers.max()! > 8, "\(name)")
    }
  }
}
