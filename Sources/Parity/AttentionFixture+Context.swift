import Attention
import Configuration
import Layers

/// Blocks that gather from all positions.
extension AttentionFixture {
  static let globalContext = AttentionFixture(member: "context_block") { fixture in
    fixture.names(under: "param.").contains {
      $0.hasSuffix("channel_add_conv.0.weight") || $0.hasSuffix("channel_mul_conv.0.weight")
    }
  } modules: { config, fixture, paths in
    let module = GlobalContext(
      ratio: try config.float(config.name(["ratio", "gcb_ratio", "gc_ratio"]), default: 1.0 / 16, in: 1e-4...16),
      pooling: try config.choice(
        config.name(["pooling_type", "pooling"]), among: GlobalContext.Pooling.self, default: .attention,
        kind: "pooling"),
      fusions: try config.fusions())
    if paths == [""], config.has(["planes", "hidden"]) {
      // Beside the module alone, `planes` are its hidden units.
      let hidden = try config.size(["planes", "hidden"]), channels = try fixture.inputChannels()
      guard hidden == max(1, Int(Double(channels) * module.ratio)) else {
        throw config.error("planes", "says \(hidden) hidden units, which are not \(channels) times \(module.ratio)")
      }
    }
    return paths.map { _ in module }
  }

  static let simplifiedNonLocal = AttentionFixture(member: "context_block") { fixture in
    fixture.names(under: "param.").contains { $0.hasSuffix("conv_value.weight") }
  } modules: { _, _, paths in
    paths.map { _ in SimplifiedNonLocal() }
  }

  /// In either of the two forms that have weights in the world.
  static func nonLocal(_ naming: NonLocal.Naming) -> AttentionFixture {
    let layer = naming == .gcnet ? "conv.weight" : "weight"
    return AttentionFixture(member: "nl") { fixture in
      let names = fixture.names(under: "param.")
      return ["g", "g.0"].contains { names.contains("\($0).\(layer)") }
    } modules: { config, fixture, paths in
      let inner: OptionNames = ["inter_channels", "inner"]
      let mode = try config.string(config.name(["mode", "affinity"]), default: "embedded_gaussian")
      let known = mode.lowercased().replacing(/[ -]/, with: "_")
      guard let affinity = NonLocal.Affinity(rawValue: known) else {
        throw config.unknownName(
          "mode", kind: "affinity", found: mode, known: NonLocal.Affinity.allCases.map(\.rawValue))
      }
      let module = NonLocal(
        affinity, reduction: try config.size(.reduction, default: 2),
        inner: config.has(inner) ? try config.size(inner) : nil,
        isScaled: try config.bool(config.name(["use_scale", "scale"]), default: naming == .gcnet),
        subsamples: try config.bool(config.name(["sub_sample", "subsample"]), default: false),
        hasNorm: try config.bool(
          config.name(["bn_after_out_conv", "bn_after_output", "bn_layer"]), default: naming == .survey),
        naming: naming)
      return paths.map { _ in module }
    }
  }
}

extension ConfigSection {
  /// `fusion_types: [channel_add, channel_mul]`, or `fusion: add`.
  fileprivate func fusions() throws -> Set<GlobalContext.Fusion> {
    let name = name(["fusion_types", "fusion"])
    guard contains(name) else { return [.add] }
    let words = try (try? string(name)).map { [$0] } ?? strings(name)
    if words == ["both"] { return [.add, .multiply] }
    return Set(
      try words.flatMap { $0.split(whereSeparator: { "+, ".contains($0) }) }.map { word in
        let full = word.hasPrefix("channel_") ? String(word) : "channel_\(word)"
        guard let fusion = GlobalContext.Fusion(rawValue: full) else {
          throw unknownName(name, kind: "fusion", found: String(word), known: ["channel_add", "channel_mul"])
        }
        return fusion
      })
  }
}
