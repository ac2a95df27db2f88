import Attention
import Configuration
import Graphs
import Layers
import Models
import Testing

/// Every name of the catalogue builds, traces, has the published number of parameters, and a gradient for each.
@Suite struct ModelCatalogTests {
  /// Published counts; those of the CIFAR networks worked out by hand: with n blocks a stage,
  /// 4672 n + (14528 + 18560 (n - 1)) + (57728 + 73984 (n - 1)) + 464 + 650.
  static let counts: [String: Int] = [
    "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160,
    "resnet152": 60_192_808, "resnext50_32x4d": 25_028_904, "wide_resnet50_2": 68_883_240,
    "resnet18_cifar": 11_173_962, "resnet20": 272_474, "resnet32": 466_906, "resnet56": 855_770,
    "resnet110": 1_730_714, "mobilenet_v2": 3_504_872,
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

  /// Sheets of the attention modules, and for SE Σ 2 C² / 16 over the blocks by hand.
  @Test(arguments: [
    ("resnet18", "cbam", 11_779_392), ("resnet34", "cbam", 21_960_468), ("resnet50", "cbam", 28_089_624),
    ("resnet101", "cbam", 49_330_172), ("resnet18", "eca", 11_689_556), ("resnet34", "eca", 21_797_744),
    ("resnet50", "eca", 25_557_112), ("resnet101", "eca", 44_549_317), ("resnet152", "eca", 60_193_042),
    ("mobilenet_v2", "eca", 3_504_903), ("resnet50", "se", 28_071_976),
  ])
  func attentionAddsWhatItsSheetSays(name: String, attention: String, count: Int) throws {
    let graph = try NetworkTrace(name, attention: ["name": .string(attention)], mode: .inference).graph
    #expect(graph.parameterCount == count)
  }

  @Test func cifarFormsOfTheSheet() throws {
    let graph = try NetworkTrace("resnet18_cifar", attention: ["name": "cbam"], classes: 100).graph
    #expect(graph.parameterCount == 11_310_012)
  }

  @Test(arguments: ["resnet50", "resnet20", "mobilenet_v2"], AttentionCatalog.entries.keys.sorted())
  func everyParameterOfAnAttendedNetworkLearns(name: String, attention: String) throws {
    let graph = try NetworkTrace(name, attention: ["name": .string(attention)], imageSize: 64).graph
    #expect(Program(graph).parametersWithoutGradient == [])
  }

  /// Stage by stage as released, by the rule in a host without released taps, and as the run file says.
  @Test(arguments: [
    ("resnet50", [:], [3, 5, 5, 7]), ("resnet34", [:], [3, 3, 5, 7]),
    ("resnet50", ["kernels": [3, 3, 3, 9]], [3, 3, 3, 9]), ("resnet50", ["kernels": [5]], [5, 5, 5, 5]),
    ("wide_resnet50_2", [:], [5, 5, 5, 7]), ("resnet20", [:], [3, 3, 3]),
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
    (["name": "resnet20", "attention": ["name": "se", "bias": "maybe"]], "bias: wanted true or false"),
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
