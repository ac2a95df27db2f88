import Configuration

/// The data sets by their names in run files: one line each.
public enum DatasetCatalog {
  public static let entries: [String: @Sendable (ConfigSection, Split) throws -> any ImageDataset] = [
    "cifar10": { try CIFAR(root: root($0), version: .cifar10, split: $1) },
    "cifar100": { try CIFAR(root: root($0), version: cifar100Version($0), split: $1) },
    "fashion_mnist": { try IDX(root: root($0), classNames: fashionNames, split: $1) },
    "imagefolder": {
      try ImageFolder(root: root($0), split: $1, followsLinks: $0.bool("follow_links", default: false))
    },
    "mnist": { try IDX(root: root($0), classNames: (0...9).map(String.init), split: $1) },
    "scenes": { try scenes($0, $1) },
  ]

  /// One split of the data set that the run file's section `data` describes: `name`, `root` (its folder) and `limit`
  /// (use that many samples of the split, evenly spread), beside what the data set itself reads:
  /// - cifar100: `labels`, `fine` (100 classes) or `coarse` (20);
  /// - imagefolder: `follow_links`, whether symbolic links may lead out of `root`;
  /// - scenes: `image_size` (16 to 512 pixels), `training_scenes`, `evaluation_scenes`, `scene_seed`, `frames` (of
  ///   the clip that each scene then is).
  /// - Throws: `ConfigError` for an unknown name, with the nearest known one, and for a root that does not exist;
  ///   `DatasetError` for what is wrong inside it.
  public static func dataset(_ data: ConfigSection, _ split: Split) throws -> any ImageDataset {
    let name = try data.choice("name", among: entries.keys.sorted(), default: "scenes", kind: "data set")
    let dataset = try entries[name]!(data, split)
    guard let limit = try data.optionalInt("limit", in: 1...) else { return dataset }
    return Subset(dataset, limit: limit)
  }

  private static func root(_ data: ConfigSection) throws -> String {
    let root = try data.path("root")
    guard FileBytes.exists(root) else { throw data.error("root", "the folder '\(root)' does not exist") }
    return root
  }

  private static func cifar100Version(_ data: ConfigSection) throws -> CIFAR.Version {
    let labels = try data.choice("labels", among: ["fine", "coarse"], default: "fine", kind: "kind of label")
    return labels == "fine" ? .cifar100Fine : .cifar100Coarse
  }

  private static func scenes(_ data: ConfigSection, _ split: Split) throws -> Scenes {
    let training = try data.int("training_scenes", default: 4000, in: 1...1 << 31)
    let evaluation = try data.int("evaluation_scenes", default: 1000, in: 1...1 << 31)
    return Scenes(
      count: split == .training ? training : evaluation,
      side: try data.int("image_size", default: 32, in: 16...512),
      seed: try data.int("scene_seed", default: 0), split: split,
      frames: try data.int("frames", default: 1, in: 1...256))
  }

  private static let fashionNames = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]
}
