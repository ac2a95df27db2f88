import Attention
import Compute
import Configuration
import Graphs
import Layers
import Models
import Testing

/// Every attention module in every host, narrow and on small images: traces, runs a training step, gives every
/// parameter a gradient, or says why it cannot.
@Suite struct AttentionWalkTests {
  /// Options of the modules that fit few channels, and clips of two frames. A few hidden units may all be switched off
  /// by their ReLU for one statistic; as many as channels leave a way for the gradient.
  static let options: [String: [String: ConfigValue]] = [
    "se": ["reduction": 1], "sem": ["reduction": 1], "cbam": ["reduction": 1], "cat": ["reduction": 1],
    "bam": ["reduction": 1], "scse": ["reduction": 1], "gc": ["ratio": 1], "fca": ["reduction": 1, "sizes": [8]],
    "mhsa": ["heads": 2], "sra": ["heads": 2, "ratios": [2]], "ea": ["memories": 8], "ge": ["extent": 2],
    "sk": ["groups": 4, "minimum": 8], "condconv": ["experts": 3], "tam": ["frames": 2],
    "temporal_mhsa": ["frames": 2, "heads": 2], "space_time_nl": ["frames": 2],
    "dstt_spatial": ["frames": 2, "heads": 2], "dstt_temporal": ["frames": 2, "heads": 2], "gltr": ["frames": 2],
    "divided": ["frames": 2, "heads": 2],
  ]

  /// What the narrow stages and depth-wise convolutions of MobileNetV2 cannot take.
  static let narrowRefusals = [
    "fca": "cannot share 24 channels among 16 frequencies", "sk": "dense 3x3", "split": "dense 3x3",
  ]

  static let hosts: [(name: String, isDepthwise: Bool, make: @Sendable (AttentionSlot?) -> any Module)] = [
    ("basic", false, { residual(.basic, $0) }),
    ("bottleneck", false, { residual(.bottleneck, $0) }),
    ("grouped", false, { residual(.bottleneck, $0, groups: 2, widthPerGroup: 32) }),
    ("wide", false, { residual(.bottleneck, $0, widthPerGroup: 128) }),
    ("small stem", false, { residual(.basic, $0, stem: .small) }),
    ("pre-activation", false, {
      var network = PreActivationResNet(depths: [1, 2])
      (network.planes, network.strides, network.attention) = ([16, 16], [2, 2], $0)
      return network
    }),
    ("vgg", false, {
      var network = VGG()
      (network.stages, network.hidden, network.classes, network.attention) = ([[16], [16, 16], [32]], [], 10, $0)
      return network
    }),
    ("mobilenet", true, {
      var network = MobileNet()
      (network.stages, network.stemChannels, network.classes, network.attention) = ([(16, 1), (32, 2)], 16, 10, $0)
      return network
    }),
    ("mobilenet_v2", true, {
      var network = MobileNetV2()
      network.stages = [
        .init(expansion: 1, channels: 16, depth: 1, stride: 1), .init(expansion: 2, channels: 32, depth: 2, stride: 2),
      ]
      (network.stemChannels, network.lastChannels, network.classes, network.attention) = (16, 32, 10, $0)
      return network
    }),
  ]

  static func residual(
    _ block: ResNet.BlockKind, _ attention: AttentionSlot?, groups: Int = 1, widthPerGroup: Int = 64,
    stem: ResNet.Stem = .imageNet
  ) -> any Module {
    var network = ResNet(block, depths: [1, 2])
    (network.planes, network.strides, network.stemChannels) = ([16, 16], [1, 2], 16)
    (network.groups, network.widthPerGroup, network.stem) = (groups, widthPerGroup, stem)
    (network.classes, network.attention) = (10, attention)
    return network
  }

  /// A softmax over positions does not see what is added to all of them: rounding alone moves this gradient off zero.
  static func isZeroByStructure(_ parameter: String) -> Bool { parameter.hasSuffix("conv_mask.bias") }

  static func slot(_ name: String) throws -> AttentionSlot? {
    // What sits behind all stages cannot choose among them.
    let own: [String: ConfigValue] = name == "gltr" ? ["name": "gltr"] : ["name": .string(name), "stages": "all"]
    return try AttentionCatalog.slot(ConfigSection(own.merging(options[name] ?? [:]) { a, _ in a }))
  }

  static func graph(_ network: any Module, images: Shape) throws -> Graph {
    let trace = Trace(mode: .training)
    let logits = network(trace.input("images", images, wantsGradient: true))
    trace.output("logits", logits)
    trace.root("logits", logits)
    return try trace.finish()
  }

  @Test(arguments: AttentionCatalog.entries.keys.sorted()) func walksThroughTheHosts(name: String) throws {
    let slot = try Self.slot(name)!
    for host in Self.hosts where !(slot.isActivated && host.isDepthwise) {
      let plain = try Self.graph(host.make(nil), images: [4, 32, 32, 3])
      let graph = try Self.graph(host.make(slot), images: [4, 32, 32, 3])
      #expect(graph.nodes.count > plain.nodes.count, "\(name) is nowhere in \(host.name)")
      let plan = Plan(graph, workers: 2)
      #expect(plan.program.parametersWithoutGradient == [], "\(host.name)")
      let (results, state) = try stepResults(plan, workers: 2)
      withExtendedLifetime(state) {
        #expect(results.allSatisfy { $0.allSatisfy(\.isFinite) }, "\(host.name)")
        for parameter in graph.parameters where !Self.isZeroByStructure(parameter.path) {
          let gradient = state.gradientView(parameter.path)!.array
          #expect(gradient.contains { $0 != 0 }, "\(host.name): \(parameter.path)")
        }
      }
    }
  }

  /// At full width and 224 pixels, with every module's own defaults.
  @Test(arguments: ["resnet50", "mobilenet_v2", "vgg16_bn"], AttentionCatalog.entries.keys.sorted())
  func defaultsTraceAtFullSize(host: String, name: String) throws {
    let entry = AttentionCatalog.entries[name]!
    let frames = entry.isTemporal ? AttentionCatalog.defaultFrames : 1
    let trace = { try NetworkTrace(host, attention: ["name": .string(name)], batch: frames, mode: .inference).graph }
    if let words = host == "mobilenet_v2" ? Self.narrowRefusals[name] : nil {
      let error = #expect(throws: (any Error).self) { _ = try trace() }
      #expect(error.map { "\($0)".contains(words) } == true, "\(error.map { "\($0)" } ?? "")")
    } else {
      #expect(try trace().multiplyAdds > 0)
    }
  }

  /// One image, or the two frames of one clip, of odd sizes.
  @Test(arguments: AttentionCatalog.entries.keys.sorted())
  func survivesOddSizes(name: String) throws {
    let slot = try Self.slot(name)!
    let frames = Self.options[name]?["frames"] == nil ? 1 : 2
    let trace = { try Self.graph(Self.residual(.bottleneck, slot), images: [frames, 37, 45, 3]) }
    if name == "dstt_temporal" {
      let error = #expect(throws: TraceError.self) { _ = try trace() }
      #expect(error?.description.contains("into 2 by 2 zones") == true)
      return
    }
    let (results, _) = try stepResults(Plan(try trace(), workers: 2), workers: 2)
    #expect(results.allSatisfy { $0.allSatisfy(\.isFinite) })
  }

  /// The plan, its slow twin and other numbers of workers: the same bits with every module.
  @Test(arguments: AttentionCatalog.entries.keys.sorted())
  func planEqualsInterpreter(name: String) throws {
    let graph = try Self.graph(Self.residual(.basic, try Self.slot(name)), images: [4, 32, 32, 3])
    let plan = Plan(graph, workers: 2)
    let planned = try stepResults(plan, workers: 2).bits
    #expect(try planned == stepResults(plan, workers: 2, interpreted: true).bits, "interpreter")
    #expect(try planned == stepResults(Plan(graph, workers: 3), workers: 3).bits, "three workers")
    #expect(plan.overlaps() == [])
  }
}
