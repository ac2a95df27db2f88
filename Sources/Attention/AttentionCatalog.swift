import Configuration

/// The attention modules by their published names: one line each.
public enum AttentionCatalog {
  /// What a name stands for.
  public struct Entry: Sendable {
    /// What is weighted: channel, spatial, temporal, branch, or a pair of them.
    public let category: String
    /// Authors, venue and year.
    public let paper: String
    /// A file of reference numbers that the module is held to, under `Tests/Fixtures`.
    public let reference: String
    /// Whether it weighs frames, and takes the images of a host for those of clips.
    public var isTemporal: Bool { category.contains("temporal") }
    /// Reads the module's own options.
    public let read: @Sendable (ConfigSection) throws -> AttentionSlot

    init(
      _ category: String, _ paper: String, _ reference: String,
      _ read: @escaping @Sendable (ConfigSection) throws -> AttentionSlot
    ) {
      self.category = category
      self.paper = paper
      self.reference = reference
      self.read = read
    }
  }

  /// Every module by the name that run files use.
  public static let entries: [String: Entry] = [
    "se": Entry("channel", "Hu, Shen, Sun; CVPR 2018", "gcnet/se_r8", SqueezeExcitation.slot),
    "eca": Entry("channel", "Wang et al.; CVPR 2020", "eca-net/module_k5", EfficientChannelAttention.slot),
    "sem": Entry("channel", "Zhong, Wen, Qin; arXiv 2209.05680", "sem/bottleneck_stride2", SwitchableExcitation.slot),
    "gct": Entry("channel", "Yang et al.; CVPR 2020", "\(survey)/channel-gct", GatedChannelTransformation.slot),
    "srm": Entry("channel", "Lee, Kim, Nam; ICCV 2019", "\(survey)/channel-srm", StyleRecalibration.slot),
    "fca": Entry("channel", "Qin et al.; ICCV 2021", "\(survey)/channel-fca", FrequencyChannelAttention.slot),

    "gc": Entry("spatial", "Cao et al.; ICCV-W 2019", "gcnet/gc_att_add_mul", GlobalContext.slot),
    "nl": Entry("spatial", "Wang et al.; CVPR 2018", "gcnet/nl_embedded_gaussian", NonLocal.slot),
    "snl": Entry("spatial", "Cao et al.; ICCV-W 2019", "gcnet/snl", SimplifiedNonLocal.slot),
    "mhsa": Entry("spatial", "Vaswani et al.; NeurIPS 2017", "\(survey)/spatial-mhsa", MultiHeadAttention.slot),
    "sra": Entry("spatial", "Wang et al.; ICCV 2021", "\(survey)/spatial-sr-attention", SpatialReductionAttention.slot),
    "ea": Entry(
      "spatial", "Guo et al.; arXiv 2105.02358", "\(survey)/spatial-external-attention", ExternalAttention.slot),
    "ge": Entry("spatial", "Hu et al.; NeurIPS 2018", "\(survey)/spatial-gather-excite", GatherExcite.slot),

    "tam": Entry("temporal", "Liu et al.; ICCV 2021", "\(survey)/temporal-tam", TemporalAdaptiveModule.slot),
    "gltr": Entry("temporal", "Li et al.; ICCV 2019", "\(survey)/temporal-gltr", GlobalLocalTemporal.slot),
    "temporal_mhsa": Entry(
      "temporal", "Bertasius et al.; ICML 2021", "\(survey)/temporal-mhsa", TemporalAttention.slot),

    "sk": Entry("branch", "Li et al.; CVPR 2019", "\(survey)/branch-selective-kernel", SelectiveKernel.slot),
    "split": Entry("branch", "Zhang et al.; CVPR-W 2022", "\(survey)/branch-split-attention", SplitAttention.slot),
    "condconv": Entry("branch", "Yang et al.; NeurIPS 2019", "\(survey)/branch-condconv", ConditionalConvolution.slot),
    "dynamic_conv": Entry("branch", "Chen et al.; CVPR 2020", "\(survey)/branch-dynamic-conv", DynamicConvolution.slot),
    "highway": Entry("branch", "Srivastava et al.; NeurIPS 2015", "\(survey)/branch-highway", Highway.slot),

    "cbam": Entry("channel & spatial", "Woo et al.; ECCV 2018", "cbam/module_c32_r8", CBAM.slot),
    "bam": Entry("channel & spatial", "Park et al.; BMVC 2018", "\(survey)/channel-spatial-bam", BAM.slot),
    "cat": Entry("channel & spatial", "IET Computer Vision 2023", "cat/module_c20_nonsquare", CAT.slot),
    "scse": Entry(
      "channel & spatial", "Roy et al.; TMI 2019", "\(survey)/channel-spatial-scse", ConcurrentExcitation.slot),
    "coordatt": Entry(
      "channel & spatial", "Hou et al.; CVPR 2021", "\(survey)/channel-spatial-coordatt", CoordinateAttention.slot),
    "simam": Entry("channel & spatial", "Yang et al.; ICML 2021", "\(survey)/channel-spatial-simam", SimAM.slot),
    "dual": Entry(
      "channel & spatial", "Fu et al.; CVPR 2019", "\(survey)/channel-spatial-dual-attention", DualAttention.slot),

    "space_time_nl": Entry(
      "spatial & temporal", "Wang et al.; CVPR 2018", "\(survey)/spatial-temporal-non-local", NonLocal.spaceTimeSlot),
    "dstt_spatial": Entry(
      "spatial & temporal", "Liu et al.; arXiv 2104.06637", "\(survey)/spatial-temporal-dstt-spatial",
      DecoupledAttention.spatialSlot),
    "dstt_temporal": Entry(
      "spatial & temporal", "Liu et al.; arXiv 2104.06637", "\(survey)/spatial-temporal-dstt-temporal",
      DecoupledAttention.temporalSlot),
    "divided": Entry(
      "spatial & temporal", "Bertasius et al.; ICML 2021", "\(survey)/spatial-temporal-divided",
      DividedMap.slot),
  ]

  private static let survey = "attention-survey"

  /// The frames of a clip where nothing is said.
  public static let defaultFrames = 8

  /// The slot that `section` describes: a name alone, or a mapping with `name`, the module's options, and where it
  /// sits: `stages`, as papers number them (conv2_x of a ResNet is 2) or `all`, and `place`. `nil` for `none`.
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one, and for options that do not fit.
  public static func slot(_ section: ConfigSection) throws -> AttentionSlot? {
    let name = try section.choice("name", among: entries.keys.sorted() + ["none"], kind: "attention module")
    guard let entry = entries[name] else { return nil }
    var slot = try entry.read(section)
    let place = try section.choice("place", default: slot.place, kind: "place")
    guard place == slot.place || !place.isFixed && !slot.place.isFixed else {
      throw section.error("place", misplaced(name, slot.place, at: place))
    }
    let places = slot.place.isFixed ? [slot.place] : AttentionPlace.allCases.filter { !$0.isFixed }
    section.describe("place", places.map(\.rawValue).joined(separator: ", "))
    slot.place = place
    if place != .features {
      slot.stages = try stages(section, default: slot.stages)
    } else if section.contains("stages") {
      throw section.error("stages", "\(name) sits behind all stages")
    }
    try section.finish()
    return slot
  }

  /// The stages that the section names, `nil` for all of them.
  private static func stages(_ section: ConfigSection, default value: Set<Int>?) throws -> Set<Int>? {
    defer { section.describe("stages", "all or a list of whole numbers, as papers number stages") }
    guard try section.contains("stages") || section.optionalString("stages") != nil else { return value }
    return (try? section.string("stages")) == "all" ? nil : Set(try section.ints("stages", in: 1...64))
  }

  private static func misplaced(_ name: String, _ own: AttentionPlace, at place: AttentionPlace) -> String {
    switch (own, place) {
    case (.convolution, _): "\(name) takes the place of a convolution"
    case (.features, _): "\(name) takes the features of whole images"
    case (_, .convolution): "\(name) convolves nothing"
    default: "\(name) weighs maps, and the features of whole images are none"
    }
  }
}

extension ConfigSection {
  /// The side of a window that has a centre.
  func window(_ key: String, default value: Int) throws -> Int {
    let size = try int(key, default: value, in: 1...63)
    describe(key, "an odd number from 1 to 63")
    if size % 2 == 0 { throw error(key, "a kernel must be odd, to have a centre; found \(size)") }
    return size
  }
}
