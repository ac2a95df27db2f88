import Configuration

/// What the pictures of a data set go through when the run file says nothing else: the published recipe for it.
struct PipelinePreset: Sendable {
  /// The side of the pictures that the network takes; `nil` where pictures keep their own size.
  let imageSize: Int?
  let normalization: String
  /// The transforms in training and in evaluation for pictures of the given side.
  let training: @Sendable (Int) -> [ConfigValue]
  let evaluation: @Sendable (Int) -> [ConfigValue]

  /// Recipes by the name of the data set.
  private static let presets: [String: PipelinePreset] = [
    "cifar10": small(32, padding: 4, "flip", normalization: "cifar10"),
    "cifar100": small(32, padding: 4, "flip", normalization: "cifar100"),
    "fashion_mnist": small(28, padding: 2, "flip", normalization: "fashion_mnist"),
    // Mirrored digits are other digits, or none.
    "mnist": small(28, padding: 2, normalization: "mnist"),
    "scenes": PipelinePreset(
      imageSize: nil, normalization: "half", training: { _ in ["flip"] }, evaluation: { _ in [] }),
  ]

  static func named(_ dataset: String) -> PipelinePreset {
    presets[dataset.replacing("-", with: "_")] ?? imageNet
  }

  /// Small pictures of one size (He, Zhang, Ren, Sun; CVPR 2016, section 4.2).
  private static func small(
    _ side: Int, padding: Int, _ others: ConfigValue..., normalization: String
  ) -> PipelinePreset {
    // A network that takes another size sees the same recipe at its own scale.
    let scaling = { @Sendable (wanted: Int) -> [ConfigValue] in
      wanted == side ? [] : [["name": "resize_exactly", "size": .int(wanted)]]
    }
    return PipelinePreset(
      imageSize: side, normalization: normalization,
      training: { wanted in
        scaling(wanted) + [["name": "crop", "size": .int(wanted), "padding": .int(padding * wanted / side)]] + others
      },
      evaluation: scaling)
  }

  /// Photographs of any size, as torchvision's references train and evaluate: the shorter side becomes 8/7 of the crop.
  private static let imageNet = PipelinePreset(
    imageSize: 224, normalization: "imagenet",
    training: { side in [["name": "random_resized_crop", "size": .int(side)], "flip"] },
    evaluation: { side in
      [["name": "resize", "size": .int((side * 8 + 3) / 7)], ["name": "centre_crop", "size": .int(side)]]
    })
}

extension TransformPipeline {
  /// What pictures are prepared for.
  public enum Purpose: String, Sendable {
    case training, evaluation
  }

  /// The side of the pictures that the published recipe for a data set takes; `nil` where they keep their own.
  public static func imageSize(of dataset: String) -> Int? { PipelinePreset.named(dataset).imageSize }

  /// Reads the pipeline of a run file's `data` section: the lists `augment` (training) and `prepare` (evaluation), the
  /// statistics `normalize` and the side `image_size`. What is not given follows from the data set's published recipe.
  /// - Parameters:
  ///   - dataset: the data set's name in the catalogue.
  ///   - channels: what the network takes, 1 or 3.
  ///   - nativeSize: the size of the data set's pictures, where they have one size.
  /// - Throws: `ConfigError` for unknown names, options out of range and pictures that would differ in size.
  public init(
    for purpose: Purpose, reading data: ConfigSection, dataset: String, channels: Int, nativeSize: ImageSize?
  ) throws(ConfigError) {
    let preset = PipelinePreset.named(dataset)
    let native = nativeSize.map { min($0.width, $0.height) }
    let imageSize = try data.int(
      "image_size", default: preset.imageSize ?? native ?? 224, in: 1...ImageSize.largestSide / 2)
    // Both lists are read for either purpose: a mistake in one is reported whichever is needed first.
    let training = try Self.transforms(data, "augment", default: preset.training(imageSize), imageSize)
    let evaluation = try Self.transforms(data, "prepare", default: preset.evaluation(imageSize), imageSize)
    let statistics = try Normalization.read(
      data.section("normalize"), default: preset.normalization, channels: channels)
    do {
      try self.init(
        purpose == .training ? training : evaluation, normalization: statistics, channels: channels,
        nativeSize: nativeSize)
    } catch {
      throw data.error(purpose == .training ? "augment" : "prepare", "\(error)")
    }
  }

  private static func transforms(
    _ data: ConfigSection, _ key: String, default values: [ConfigValue], _ imageSize: Int
  ) throws(ConfigError) -> [(name: String, transform: any Transform)] {
    var result: [(name: String, transform: any Transform)] = []
    for section in try data.sections(key, default: values) {
      let next = try TransformCatalog.transform(section, imageSize: imageSize)
      if let last = result.last, last.transform is any NormalizedTransform,
        !(next.transform is any NormalizedTransform)
      {
        throw section.error("name", "\(last.name) changes normalised numbers: \(next.name) has to come before it")
      }
      result.append(next)
    }
    return result
  }
}
