import Attention
import Configuration
import Layers

/// The networks by their published names: one line each.
public enum ModelCatalog {
  /// What a name stands for.
  public struct Entry: Sendable {
    /// Authors, venue and year.
    public let paper: String
    /// The side of the images that the published figures were measured at.
    public let imageSize: Int
    /// The classes of the published weights.
    public let classes: Int
    /// The stages that an attention module can be given to, numbered as papers do: the stem is 1.
    public let stages: ClosedRange<Int>
    /// Whether its 3x3 convolutions take one channel each.
    public var isDepthwise = false
    /// Whether its blocks add a shortcut.
    public var addsShortcuts = true
    /// Reads the network's options; the module maps images `[N, H, W, 3]` to logits `[N, classes]`.
    public let read:
      @Sendable (_ options: ConfigSection, _ classes: Int, _ attention: AttentionSlot?) throws -> any Module

    init(
      paper: String, imageSize: Int, classes: Int, stages: ClosedRange<Int>, isDepthwise: Bool = false,
      addsShortcuts: Bool = true,
      read: @escaping @Sendable (ConfigSection, Int, AttentionSlot?) throws -> any Module
    ) {
      self.paper = paper
      self.imageSize = imageSize
      self.classes = classes
      self.stages = stages
      self.isDepthwise = isDepthwise
      self.addsShortcuts = addsShortcuts
      self.read = read
    }
  }

  public static let entries: [String: Entry] = [
    "resnet18": ResNet.imageNet("resnet18", .basic, [2, 2, 2, 2]),
    "resnet34": ResNet.imageNet("resnet34", .basic, [3, 4, 6, 3]),
    "resnet50": ResNet.imageNet("resnet50", .bottleneck, [3, 4, 6, 3]),
    "resnet101": ResNet.imageNet("resnet101", .bottleneck, [3, 4, 23, 3]),
    "resnet152": ResNet.imageNet("resnet152", .bottleneck, [3, 8, 36, 3]),
    "resnext50_32x4d": ResNet.imageNet(
      "resnext50_32x4d", .bottleneck, [3, 4, 6, 3], groups: 32, widthPerGroup: 4, paper: "Xie et al.; CVPR 2017"),
    "resnext101_32x4d": ResNet.imageNet(
      "resnext101_32x4d", .bottleneck, [3, 4, 23, 3], groups: 32, widthPerGroup: 4, paper: "Xie et al.; CVPR 2017"),
    "resnext101_32x8d": ResNet.imageNet(
      "resnext101_32x8d", .bottleneck, [3, 4, 23, 3], groups: 32, widthPerGroup: 8, paper: "Xie et al.; CVPR 2017"),
    "wide_resnet50_2": ResNet.imageNet(
      "wide_resnet50_2", .bottleneck, [3, 4, 6, 3], widthPerGroup: 128, paper: "Zagoruyko, Komodakis; BMVC 2016"),
    "wide_resnet101_2": ResNet.imageNet(
      "wide_resnet101_2", .bottleneck, [3, 4, 23, 3], widthPerGroup: 128, paper: "Zagoruyko, Komodakis; BMVC 2016"),
    "wide_resnet18_1.5": ResNet.imageNet(
      "wide_resnet18_1.5", .basic, [2, 2, 2, 2], width: 1.5, paper: "Zagoruyko, Komodakis; BMVC 2016"),
    "wide_resnet18_2": ResNet.imageNet(
      "wide_resnet18_2", .basic, [2, 2, 2, 2], width: 2, paper: "Zagoruyko, Komodakis; BMVC 2016"),
    "resnet18_cifar": ResNet.smallStem("resnet18_cifar", .basic, [2, 2, 2, 2]),
    "resnet34_cifar": ResNet.smallStem("resnet34_cifar", .basic, [3, 4, 6, 3]),
    "resnet50_cifar": ResNet.smallStem("resnet50_cifar", .bottleneck, [3, 4, 6, 3]),
    "resnet101_cifar": ResNet.smallStem("resnet101_cifar", .bottleneck, [3, 4, 23, 3]),
    "resnet152_cifar": ResNet.smallStem("resnet152_cifar", .bottleneck, [3, 8, 36, 3]),
    "resnet20": ResNet.cifar("resnet20", blocks: 3),
    "resnet32": ResNet.cifar("resnet32", blocks: 5),
    "resnet44": ResNet.cifar("resnet44", blocks: 7),
    "resnet56": ResNet.cifar("resnet56", blocks: 9),
    "resnet110": ResNet.cifar("resnet110", blocks: 18),
    "resnet83": ResNet.cifar("resnet83", .bottleneck, blocks: 9),
    "resnet164": ResNet.cifar("resnet164", .bottleneck, blocks: 18),
    "preact_resnet164": PreActivationResNet.cifar("preact_resnet164", blocks: 18),
    "vgg16_bn": VGG.sixteen("vgg16_bn", imageSize: 224),
    "vgg16_bn_cifar": VGG.sixteen("vgg16_bn_cifar", imageSize: 32),
    "mobilenet_1.0": MobileNet.imageNet("mobilenet_1.0", width: 1),
    "mobilenet_0.7": MobileNet.imageNet("mobilenet_0.7", width: 0.7),
    "mobilenet_v2": MobileNetV2.imageNet("mobilenet_v2"),
  ]

  /// The network that `section` describes: `name`, `attention`, and the network's own options.
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one, and for options that do not fit.
  public static func network(_ section: ConfigSection, classes: Int) throws -> any Module {
    let name = try section.choice("name", among: entries.keys.sorted(), kind: "network")
    let entry = entries[name]!
    guard let options = try section.optionalSection("attention"), let slot = try AttentionCatalog.slot(options) else {
      return try entry.read(section, classes, nil)
    }
    if let stage = slot.stages?.sorted().first(where: { !entry.stages.contains($0) }) {
      throw options.error(
        "stages", "\(name) has stages \(entry.stages.lowerBound) to \(entry.stages.upperBound), not \(stage)")
    }
    if slot.isActivated && entry.isDepthwise {
      throw options.error("name", "\(slot.name) takes the place of dense 3x3 convolutions, which \(name) does not have")
    }
    if slot.place == .afterAdd && !entry.addsShortcuts {
      throw options.error("place", "\(name) adds no shortcuts, after which a module could stand")
    }
    return try entry.read(section, classes, slot)
  }
}
