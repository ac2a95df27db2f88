import Configuration

/// The attention modules by their published names: one line each.
public enum AttentionCatalog {
  /// What a name stands for.
  public struct Entry: Sendable {
    /// What is weighted: channel, spatial, temporal, branch, or a pair of them.
    public let category: String
    /// Authors, venue and year.
    public let paper: String
    /// Reads the module's options.
    public let read: @Sendable (ConfigSection) throws -> AttentionSlot
  }

  public static let entries: [String: Entry] = [
    "se": Entry(category: "channel", paper: "Hu, Shen, Sun; CVPR 2018") { options in
      let module = SqueezeExcitation(
        reduction: try options.int("reduction", default: 16, in: 1...), bias: try options.bool("bias", default: false))
      return AttentionSlot("se", member: "se") { _ in module }
    },
    "eca": Entry(category: "channel", paper: "Wang et al.; CVPR 2020") { options in
      let kernels = try options.ints("kernels", default: [], in: 1...255)
      if let even = kernels.first(where: { $0 % 2 == 0 }) {
        throw options.error("kernels", "a kernel must be odd, to have a centre; found \(even)")
      }
      let perChannel = try options.bool("per_channel", default: false)
      return AttentionSlot("eca", member: "eca") { site in
        let stages = kernels.isEmpty ? EfficientChannelAttention.releasedKernels[site.host] ?? [] : kernels
        let kernel = stages.isEmpty ? nil : stages[min(site.stage, stages.count) - 1]
        return EfficientChannelAttention(kernel: kernel, perChannel: perChannel)
      }
    },
    "cbam": Entry(category: "channel & spatial", paper: "Woo et al.; ECCV 2018") { options in
      let module = CBAM(
        reduction: try options.int("reduction", default: 16, in: 1...),
        pools: try options.choices("pools", among: CBAM.Pool.self, default: [.average, .maximum]),
        hasChannelGate: try options.bool("channel", default: true),
        hasSpatialGate: try options.bool("spatial", default: true),
        spatialKernel: try options.int("spatial_kernel", default: 7, in: 1...63))
      if module.spatialKernel % 2 == 0 {
        throw options.error("spatial_kernel", "a kernel must be odd, to have a centre; found \(module.spatialKernel)")
      }
      if module.hasChannelGate && module.pools.isEmpty {
        throw options.error("pools", "the channel gate needs a statistic")
      }
      return AttentionSlot("cbam", member: "cbam") { _ in module }
    },
  ]

  /// The slot that `section` describes: a name alone, or a mapping with `name` and options; `nil` for `none`.
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one, and for options that do not fit.
  public static func slot(_ section: ConfigSection) throws -> AttentionSlot? {
    let name = try section.choice("name", among: entries.keys.sorted() + ["none"], kind: "attention module")
    guard let entry = entries[name] else { return nil }
    let slot = try entry.read(section)
    try section.finish()
    return slot
  }
}
