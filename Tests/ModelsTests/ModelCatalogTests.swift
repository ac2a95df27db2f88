import Attention
import Configuration
import Graphs
import Layers
import Models
import Testing

/// Every name of the catalogue builds, traces, has the published number of parameters, and a gradient for each.
@Suite struct ModelCatalogTests {
  /// Published counts; those of the CIFAR networks worked out by hand: with n basic blocks a stage,
  /// 4672 n + (14528 + 18560 (n - 1)) + (57728 + 73984 (n - 1)) + 464 + 650. A pre-activation network normalises a
  /// block's input instead of its output, and no shortcut.
  static let counts: [String: Int] = [
    "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160,
    "resnet152": 60_192_808, "resnext50_32x4d": 25_028_904, "resnext101_32x4d": 44_177_704,
    "resnext101_32x8d": 88_791_336, "wide_resnet50_2": 68_883_240, "wide_resnet101_2": 126_886_696,
    "wide_resnet18_1.5": 25_875_816, "wide_resnet18_2": 45_618_216, "resnet18_cifar": 11_173_962,
    "resnet34_cifar": 21_282_122, "resnet50_cifar": 23_520_842, "resnet101_cifar": 42_512_970,
    "resnet152_cifar": 58_156_618, "resnet20": 272_474, "resnet32": 466_906, "resnet44": 661_338, "resnet56": 855_770,
    "resnet110": 1_730_714, "resnet83": 869_530, "resnet164": 1_704_154, "preact_resnet164": 1_703_258,
    "vgg16_bn": 138_365_992, "vgg16_bn_cifar": 14_728_266, "mobilenet_1.0": 4_231_976, "mobilenet_0.7": 2_298_747,
    "mobilenet_v2": 3_504_872,
  ]

  @Test(arguments: ModelCatalog.entries.keys.sorted()) func tracesAndCounts(name: String) throws {
    let inference = try NetworkTrace(name, mode: .inference).graph
    #expect(inference.parameterCount == Self.counts[name])
    #expect(inference.multiplyAdds > 0 && inference.bufferUpdates.isEmpty)
    let training = try NetworkTrace(name).graph
    #expect(training.parameters.map(\.path) == inference.parameters.map(\.path))
    #expect(training.bufferUpdates.count == training.buffers.count, "every statistic is brought up to date")
    let program = Program(training)
    #expect(program.parametersWithoutGradient == [])
    #expect(training.outputs[0].operand.shape.array == [2, ModelCatalog.entries[name]!.classes])
  }

  /// Σ 2 C² / 16 over the blocks by hand.
  @Test func excitationAddsItsTwoLayers() throws {
    let graph = try NetworkTrace("resnet50", attention: ["name": "se"], mode: .inference).graph
    #expect(graph.parameterCount == 28_071_976)
  }

  /// Stages as papers number them: c3 to c5 are the last three of a ResNet.
  @Test func stagesAreThePapers() throws {
    let shapes = try NetworkTrace("resnet50", attention: ["name": "gc", "stages": [3, 5]], mode: .inference).fileShapes
    let stages = Set(shapes.keys.filter { $0.contains("context_block") }.map { $0.prefix(6) })
    #expect(stages == ["layer2", "layer4"])
    let paths = try NetworkTrace("resnet50", attention: ["name": "nl"], mode: .inference).graph.nodes.map(\.path)
    let block = paths.firstIndex { $0.hasPrefix("nl3.") }!
    #expect(paths[block - 1].hasPrefix("layer3.4."))
    #expect(paths[block...].first { !$0.hasPrefix("nl3") }!.hasPrefix("layer3.5.conv1"))
  }

  /// Stage by stage as released, by the rule in a host without released taps, and as the run file says.
  @Test(arguments: [
    ("resnet50", [:], [3, 5, 5, 7]), ("resnet34", [:], [3, 3, 5, 7]),
    ("resnet50", ["kernels": [3, 3, 3, 9]], [3, 3, 3, 9]), ("resnet50", ["kernels": [5]], [5, 5, 5, 5]),
    ("wide_resnet50_2", [:], [5, 5, 5, 7]), ("resnet20", [:], [3, 3, 3]),
    ("resnet50", ["kernels": "auto"], [5, 5, 5, 7]), ("resnet50", ["kernels": "released"], [3, 5, 5, 7]),
    ("resnet50", ["kernels": "auto", "gamma": 1], [9, 11, 11, 13]), ("resnet50", ["kernels": []], [3, 5, 5, 7]),
  ] as [(String, [String: ConfigValue], [Int])])
  func kernelsOfTheStages(name: String, options: [String: ConfigValue], kernels: [Int]) throws {
    let shapes = try NetworkTrace(name, attention: options.merging(["name": "eca"]) { a, _ in a }).fileShapes
    for (stage, kernel) in kernels.enumerated() {
      #expect(shapes["layer\(stage + 1).0.eca.conv.weight"] == [1, 1, kernel])
      #expect(shapes["layer\(stage + 1).1.eca.conv.weight"] == [1, 1, kernel])
    }
  }

  @Test(arguments: [
    (["name": "resnet51"], "no network is called 'resnet51'; did you mean 'resnet50'?"),
    (["name": "resnet-50", "attention": "cbam"], "did you mean 'resnet50'"),
    (["name": "resnet20", "attention": "cbma"], "no attention module is called 'cbma'; did you mean 'cbam'?"),
    (["name": "resnet20", "attention": ["name": "cbam", "reductoin": 4]], "did you mean 'reduction'"),
    (["name": "resnet20", "attention": ["name": "cbam", "reduction": 0]], "reduction: wanted a whole number >= 1"),
    (["name": "resnet20", "attention": ["name": "cbam", "pools": []]], "pools: the channel gate needs a statistic"),
    (["name": "resnet20", "attention": ["name": "cbam", "pools": ["median"]]], "'median'"),
    (["name": "resnet20", "attention": ["name": "cbam", "spatial_kernel": 4]], "must be odd"),
    (["name": "resnet20", "attention": ["name": "eca", "kernels": [3, 4]]], "must be odd, to have a centre; found 4"),
    (["name": "resnet20", "attention": ["name": "eca", "kernels": [9_000_000_000]]], "kernels: wanted"),
    (["name": "resnet20", "attention": ["name": "eca", "kernels": "rule"]], "wanted released, auto or a list"),
    (["name": "resnet20", "attention": ["name": "eca", "gamma": 0]], "gamma: wanted a number from 0.1 to 64"),
    (["name": "resnet20", "attention": ["name": "se", "bias": "maybe"]], "bias: wanted true or false"),
    (["name": "resnet20", "attention": ["name": "se", "variant": "var4"]], "no variant is called 'var4'"),
    (["name": "resnet20", "attention": ["name": "se", "variant": "var2", "reduction": 8]], "var2 has no narrow layer"),
    (["name": "resnet20", "attention": ["name": "cbam", "order": "serial"]], "no order is called 'serial'"),
    (["name": "resnet20", "attention": ["name": "cbam", "squeeze": "max"]], "no squeeze is called 'max'"),
    (
      ["name": "resnet20", "attention": ["name": "cbam", "order": "parallel", "spatial": false]],
      "order: there is no order without both gates"
    ),
    (["name": "vgg16_bn", "attention": ["name": "gc", "place": "after_add"]], "vgg16_bn adds no shortcuts"),
    (["name": "resnet50", "stem": "teired"], "no stem is called 'teired'; did you mean 'tiered'?"),
    (["name": "resnet50", "shortcut": "pool"], "no shortcut is called 'pool'"),
    (["name": "resnet20", "stem": "deep"], "stem: unknown key"),
    (["name": "resnet50", "attention": ["name": "gc", "stages": [3, 6]]], "stages: resnet50 has stages 2 to 5, not 6"),
    (["name": "vgg16_bn", "attention": ["name": "gc", "stages": [0]]], "stages: wanted"),
    (["name": "resnet20", "attention": ["name": "gc", "stages": "some"]], "stages: wanted a list"),
    (["name": "resnet20", "attention": ["name": "se", "place": "attic"]], "no place is called 'attic'"),
    (["name": "resnet20", "attention": ["name": "se", "place": "convolution"]], "place: se convolves nothing"),
    (["name": "resnet20", "attention": ["name": "sk", "place": "branch"]], "sk takes the place of a convolution"),
    (["name": "mobilenet_v2", "attention": "sk"], "dense 3x3 convolutions, which mobilenet_v2 does not have"),
    (["name": "resnet20", "attention": ["name": "gltr", "stages": [3]]], "stages: gltr sits behind all stages"),
    (
      ["name": "resnet20", "attention": ["name": "dynamic_conv", "temperature": 0.5, "anneal_steps": 9]],
      "anneal_steps: the temperature falls to 1, and starts at 0.5"
    ),
    (["name": "resnet20", "attention": ["name": "gltr", "place": "branch"]], "place: gltr takes the features"),
    (["name": "resnet20", "attention": ["name": "se", "place": "features"]], "place: se weighs maps"),
    (["name": "resnet20", "attention": ["name": "gc", "fusions": []]], "fusions: the context must meet the image"),
    (["name": "resnet20", "attention": ["name": "gc", "pooling": "max"]], "no pooling is called 'max'"),
    (["name": "resnet20", "attention": ["name": "nl", "affinity": "dot"]], "did you mean 'dot_product'"),
    (["name": "resnet20", "attention": ["name": "sem", "operators": ["fc", "fc"]]], "operators: each operator"),
    (["name": "resnet20", "attention": ["name": "fca", "frequencies": "top64"]], "frequencies: wanted top or low"),
    (["name": "resnet20", "attention": ["name": "ge", "extent": 3]], "extent: an extent must be 0 or even; found 3"),
    (["name": "resnet18", "strides_first": true], "strides_first: unknown key"),
    (["name": "mobilenet_v2", "dropout": 1], "dropout: wanted a number"),
    (["name": "resnet20", "zero_init": true], "did you mean 'zero_init_residual'"),
  ] as [([String: ConfigValue], String)])
  func mistakesHaveASentence(options: [String: ConfigValue], words: String) {
    let error = #expect(throws: ConfigError.self) {
      let section = ConfigSection(options)
      _ = try ModelCatalog.network(section, classes: 10)
      try section.finish()
    }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "no error")")
  }

  /// A reduction beyond the channels leaves one hidden unit, as the sheet's clamp says.
  @Test func hugeReductionsLeaveOneUnit() throws {
    let shapes = try NetworkTrace("resnet20", attention: ["name": "cbam", "reduction": 1_000_000]).fileShapes
    #expect(shapes["layer1.0.cbam.ChannelGate.mlp.1.weight"] == [1, 16])
  }

  @Test func imagesThatDoNotFitAreNamed() throws {
    let trace = Trace(mode: .inference)
    let network = try ModelCatalog.network(["name": "resnet18"], classes: 10)
    _ = network(trace.input("images", [4, 3]))
    let error = #expect(throws: TraceError.self) { _ = try trace.finish() }
    #expect(error?.description.hasPrefix("conv1: cannot convolve [4, 3]") == true)
  }
}
