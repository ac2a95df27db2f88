import Attention
import Configuration
import Layers

/// Gates over channels and places.
extension AttentionFixture {
  static let squeezeExcitation = AttentionFixture(member: "se") { fixture in
    Set(fixture.names(under: "param.")).subtracting(["fc.0.bias", "fc.2.bias"]) == ["fc.0.weight", "fc.2.weight"]
      && fixture.names(under: "buffer.").isEmpty
  } modules: { config, fixture, paths in
    let path = paths[0]
    let module = SqueezeExcitation(
      reduction: try config.size(.reduction, default: 16),
      bias: try config.bool("bias", default: fixture.contains("param.\(path)fc.0.bias")))
    return paths.map { _ in module }
  }

  static let eca = AttentionFixture(member: "eca") { fixture in
    fixture.names(under: "param.") == ["conv.weight"] && (try? fixture.shape("param.conv.weight").count) == 3
  } modules: { config, fixture, paths in
    // Without an option the constructors differ from each other (3 or the rule), and the taps say which it was.
    let shapes = try paths.map { try fixture.shape("param.\($0)conv.weight") }
    let perChannel = shapes.map { $0.first.map { $0 > 1 } ?? false }
    if (try? config.string(config.name(.kernel))) == "auto" {
      return perChannel.map { EfficientChannelAttention(perChannel: $0) }
    }
    let kernels = config.has(.kernel) ? try config.sizes(.kernel, stages: paths.count) : shapes.map { $0.last ?? 1 }
    return zip(perChannel, kernels).map { EfficientChannelAttention(kernel: $1, perChannel: $0) }
  }

  static let cbam = AttentionFixture(member: "cbam") { fixture in
    fixture.names(under: "param.").contains { $0.hasPrefix("ChannelGate.") }
  } modules: { config, fixture, paths in
    let path = paths[0]
    let parameters = fixture.names(under: "param.\(path)")
    var options = CBAM()
    options.reduction = try config.size(.reduction, default: 16)
    options.pools = try config.choices(
      config.name(.pools), among: CBAM.Pool.self, default: [.average, .maximum], kind: "statistic")
    options.hasChannelGate = parameters.contains { $0.hasPrefix("ChannelGate.") }
    options.hasSpatialGate = !(try config.bool(
      "no_spatial", default: !parameters.contains { $0.hasPrefix("SpatialGate.") }))
    options.spatialKernel = try config.size(.spatialKernel, default: 7)
    let module = options
    return paths.map { _ in module }
  }

  static let cat = AttentionFixture(member: "cat") { fixture in
    fixture.names(under: "param.").contains { $0.hasSuffix("c_alpha") }
  } modules: { config, _, paths in
    var options = CAT()
    options.reduction = try config.size(.reduction, default: 16)
    options.spatialKernel = try config.oddSize(.spatialKernel, default: 7)
    options.blurKernel = try config.oddSize(["gauss_kernel", "blur_kernel"], default: 5)
    options.blurDeviation = try config.float(config.name(["gauss_sigma", "sigma"]), default: 1, in: 1e-3...1e3)
    options.epsilon = Float(try config.float(config.name(["minmax_eps", "epsilon", "eps"]), default: 1e-6, in: 0...1))
    let module = options
    return paths.map { _ in module }
  }

  static let sem = AttentionFixture(member: "") { fixture in
    fixture.names(under: "param.").contains { $0.hasSuffix("switch_fc.weight") }
  } modules: { config, fixture, paths in
    let path = paths[0]
    let parameters: [(String, SwitchableExcitation.Excitation)] = [
      ("fc2.weight", .fullyConnected), ("conv.weight", .convolution), ("w1", .instance),
    ]
    let found = parameters.filter { fixture.contains("param.\(path)\($0.0)") }.map(\.1)
    let module = SwitchableExcitation(
      operators: try config.choices("operators", among: SwitchableExcitation.Excitation.self, default: found),
      reduction: try config.size(.reduction, default: 16),
      hidden: config.has(["fc_hidden"]) ? try config.size(["fc_hidden"]) : nil,
      kernel: config.has(["conv_kernel"]) ? try config.oddSize(["conv_kernel"]) : nil)
    let count = try config.size(["switch_num"], default: module.operators.count)
    guard count == module.operators.count else {
      throw config.error("switch_num", "says \(count) operators, the file has parameters of \(module.operators.count)")
    }
    return paths.map { _ in module }
  }
}
