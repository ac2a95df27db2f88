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
    /// Reads the network's options; the module maps images `[N, H, W, 3]` to logits `[N, classes]`.
    public let read: @Sendable (_ options: ConfigSection, _ classes: Int, _ attention: AttentionSlot?) throws -> any Module
  }

  public static let entries: [String: Entry] = [
    "resnet18": ResNet.imageNet("resnet18", .basic, [2, 2, 2, 2]),
    "resnet34": ResNet.imageNet("resnet34", .basic, [3, 4, 6, 3]),
    "resnet50": ResNet.imageNet("resnet50", .bottleneck, [3, 4, 6, 3]),
    "resnet101": ResNet.imageNet("resnet101", .bottleneck, [3, 4, 23, 3]),
    "resnet152": ResNet.imageNet("resnet152", .bottleneck, [3, 8, 36, 3]),
    "resnext50_32x4d": ResNet.imageNet("resnext50_32x4d", .bottleneck, [3, 4, 6, 3], groups: 32, widthPerGroup: 4),
    "wide_resnet50_2": ResNet.imageNet("wide_resnet50_2", .bottleneck, [3, 4, 6, 3], widthPerGroup: 128),
    "resnet18_cifar": ResNet.smallStem("resnet18_cifar", [2, 2, 2, 2]),
    "resnet20": ResNet.cifar("resnet20", blocks: 3),
    "resnet32": ResNet.cifar("resnet32", blocks: 5),
    "resnet56": ResNet.cifar("resnet56", blocks: 9),
    "resnet110": ResNet.cifar("resnet110", blocks: 18),
    "mobilenet_v2": MobileNetV2.imageNet("mobilenet_v2"),
  ]

  /// The network that `section` describes: `name`, `attention`, and the network's own options.
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one, and for options that do not fit.
  public static func network(_ section: ConfigSection, classes: Int) throws -> any Module {
    let entry = entries[try section.choice("name", among: entries.keys.sorted(), kind: "network")]!
    let attention = try section.optionalSection("attention").flatMap(AttentionCatalog.slot)
    return try entry.read(section, classes, attention)
  }
}
