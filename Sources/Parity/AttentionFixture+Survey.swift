import Attention
import Configuration
import Layers

/// The survey's modules on images.
extension AttentionFixture {
  static let survey: [AttentionFixture] = [
    squeezeExcitation, eca, cbam, globalContext, nonLocal(.survey), gatedChannels, style, frequency, external, gather,
    bottleneckAttention, concurrent, coordinate, simple, dual, selective, split, conditional, dynamic,
  ]

  /// A kind that has one set of options for all stages.
  private init(
    _ member: String, _ isRecognized: @escaping @Sendable (Fixture) -> Bool,
    _ read: @escaping @Sendable (ConfigSection, Fixture) throws -> any Module & Sendable
  ) {
    self.init(member: member, isRecognized: isRecognized) { config, fixture, paths in
      let module = try read(config, fixture)
      return paths.map { _ in module }
    }
  }

  private static let gatedChannels = AttentionFixture("gct", { $0.holds("alpha") && $0.holds("beta") }) { config, _ in
    GatedChannelTransformation(
      norm: try config.choice(config.name(["mode", "norm"]), default: .l2, kind: "norm"),
      epsilon: try config.epsilon(1e-5))
  }

  private static let style = AttentionFixture("srm", { $0.holds("cfc") }) { config, _ in
    let deviation = try config.choice("std", among: ["unbiased", "biased"], default: "unbiased", kind: "deviation")
    return StyleRecalibration(isUnbiased: deviation == "unbiased", epsilon: try config.epsilon(1e-5))
  }

  private static let frequency = AttentionFixture(
    "att", { $0.holds("fc.0.weight") && $0.holds("dct_layer.weight", under: "buffer.") }
  ) { config, _ in
    let (selection, count) = try config.frequencies(config.name(["frequencies", "freq_sel_method"]), default: "top16")
    let size = try config.ints("dct", count: 2, in: 1...1 << 12)
    return FrequencyChannelAttention(
      selection, count: count, height: size[0], width: size[1], reduction: try config.size(.reduction, default: 16))
  }

  private static let external = AttentionFixture("ea", { $0.holds("linear_0.weight") }) { config, _ in
    ExternalAttention(memories: try config.size(["memory", "memories", "k"], default: 64))
  }

  private static let gather = AttentionFixture("ge", { $0.hasOption("extent") }) { config, _ in
    let hasPerceptron = try config.bool(config.name(["mlp", "use_mlp"]), default: false)
    let reduction = try config.size(.reduction, default: 16)
    return GatherExcite(
      extent: try config.int("extent", in: 0...256),
      isLearned: try config.bool(config.name(["learned_gather", "extra_params"]), default: false),
      reduction: hasPerceptron ? reduction : nil)
  }

  private static let bottleneckAttention = AttentionFixture(
    "bam", { $0.holds("channel_att.gate_c.gate_c_fc_0.weight") }
  ) { config, _ in
    BAM(
      reduction: try config.size(.reduction, default: 16),
      dilation: try config.size(["dilation", "dilation_val"], default: 4, upTo: 1024),
      dilatedLayers: try config.int(
        config.name(["dilated_convs", "dilation_conv_num"]), default: 2, in: 0...64))
  }

  private static let concurrent = AttentionFixture("scse", { $0.holds("sSE.conv.weight") }) { config, _ in
    ConcurrentExcitation(
      reduction: try config.size(.reduction, default: 2),
      combination: try config.choice(config.name(["combine", "combination"]), default: .max, kind: "combination"))
  }

  private static let coordinate = AttentionFixture("coordatt", { $0.holds("conv_h.weight") }) { config, _ in
    let reduction = try config.size(.reduction, default: 32)
    guard config.has(["inner"]) else { return CoordinateAttention(reduction: reduction) }
    // The hidden width outright: what the channels' share would be does not matter.
    return CoordinateAttention(reduction: .max, minimum: try config.size(["inner"]))
  }

  private static let simple = AttentionFixture("simam", { $0.hasOption("e_lambda") }) { config, _ in
    SimAM(regularization: Float(try config.float("e_lambda", default: 1e-4, in: 1e-12...1e3)))
  }

  private static let dual = AttentionFixture("dual", { $0.holds("sa.query_conv.weight") }) { config, _ in
    _ = try config.choice("combine", among: ["sum"], default: "sum", kind: "combination")
    return DualAttention(reduction: try config.size(["query_reduction", "reduction"], default: 8))
  }

  private static let selective = AttentionFixture("sk", { $0.holds("convs.0.0.weight") }) { config, fixture in
    let branches = try config.size(["branches", "M"], default: 2, upTo: 64)
    let dilations = try config.ints("dilations", default: Array(1...branches), count: branches, in: 1...256)
    return SelectiveKernel(
      outputs: try config.convolutionOutputs(fixture), stride: try config.size(.strides, default: 1, upTo: 64),
      dilations: dilations, groups: try config.size(.groups, default: 32),
      reduction: try config.size(.reduction, default: 16), minimum: try config.size(["minimum", "L"], default: 32))
  }

  private static let split = AttentionFixture(
    "split", { $0.holds("bn0.weight") && $0.holds("fc1.weight") && $0.holds("fc2.weight") }
  ) { config, fixture in
    let hidden: OptionNames = ["attention_channels", "hidden"]
    return SplitAttention(
      outputs: try config.convolutionOutputs(fixture), stride: try config.size(.strides, default: 1, upTo: 64),
      radix: try config.size(["radix"], default: 2, upTo: 64), cardinality: try config.size(.groups, default: 1),
      hidden: config.has(hidden) ? try config.size(hidden) : nil)
  }

  private static let conditional = AttentionFixture("condconv", { $0.holds("routing.weight") }) { config, fixture in
    ConditionalConvolution(
      outputs: try config.convolutionOutputs(fixture), experts: try config.size(["experts"], default: 8, upTo: 1024),
      kernel: try config.oddSize(["kernel", "kernel_size"], default: 3),
      stride: try config.size(.strides, default: 1, upTo: 64), groups: try config.size(.groups, default: 1),
      bias: try config.bool("bias", default: false))
  }

  private static let dynamic = AttentionFixture("dynamic_conv", { $0.holds("attention.fc1.weight") }) {
    config, fixture in
    DynamicConvolution(
      outputs: try config.convolutionOutputs(fixture),
      kernels: try config.size(["kernels", "K"], default: 4, upTo: 1024),
      kernel: try config.oddSize(["kernel", "kernel_size"], default: 3),
      stride: try config.size(.strides, default: 1, upTo: 64), groups: try config.size(.groups, default: 1),
      ratio: try config.float("ratio", default: 0.25, in: 0...16),
      temperature: Float(try config.float("temperature", default: 34, in: 1e-3...1e6)),
      bias: try config.bool("bias", default: fixture.holds("bias")))
  }
}

extension Fixture {
  /// Whether the file has a tensor of this name, in whichever host.
  fileprivate func holds(_ name: String, under prefix: String = "param.") -> Bool {
    names(under: prefix).contains { $0 == name || $0.hasSuffix(".\(name)") }
  }

  fileprivate func hasOption(_ name: String) -> Bool { (try? config())?.contains(name) == true }
}

extension ConfigSection {
  /// The output channels of what takes the place of a convolution: the input's where nothing is said.
  fileprivate func convolutionOutputs(_ fixture: Fixture) throws -> Int {
    let outputs: OptionNames = ["out_channels", "outputs", "out"]
    return try has(outputs) ? size(outputs) : fixture.inputChannels()
  }
}
