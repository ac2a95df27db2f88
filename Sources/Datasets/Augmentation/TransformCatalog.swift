import Configuration

/// The transforms that a run file can name, and how each reads its options.
///
/// ```yaml
/// augment: [{name: crop, size: 32, padding: 4}, flip]
/// ```
/// To add one, write its file and one line here.
public enum TransformCatalog {
  /// Makes a transform from its section; the integer is the side of the pictures that the network takes,
  /// `data.image_size`.
  typealias Maker = @Sendable (ConfigSection, Int) throws(ConfigError) -> any Transform

  private static let makers: [String: Maker] = [
    "crop": { section, side throws(ConfigError) in
      PadAndCrop(
        size: try size(section, side), padding: try section.int("padding", default: 0, in: 0...ImageSize.largestSide))
    },
    "centre_crop": { section, side throws(ConfigError) in CentreCrop(size: try size(section, side)) },
    "resize": { section, side throws(ConfigError) in
      ResizeShorterSide(side: try section.int("size", default: side, in: 1...ImageSize.largestSide))
    },
    "resize_exactly": { section, side throws(ConfigError) in Resize(size: try size(section, side)) },
    "random_resized_crop": { section, side throws(ConfigError) in
      RandomResizedCrop(
        size: try size(section, side), scale: try range(section, "scale", 0.08...1, limit: 1),
        ratio: try range(section, "ratio", 3.0 / 4...4.0 / 3, limit: 1000))
    },
    "flip": { section, _ throws(ConfigError) in
      HorizontalFlip(probability: Float(try section.float("probability", default: 0.5, in: 0...1)))
    },
    "color_jitter": { section, _ throws(ConfigError) in
      ColorJitter(
        brightness: Float(try section.float("brightness", default: 0, in: 0...1000)),
        contrast: Float(try section.float("contrast", default: 0, in: 0...1000)),
        saturation: Float(try section.float("saturation", default: 0, in: 0...1000)),
        hue: Float(try section.float("hue", default: 0, in: 0...0.5)))
    },
    "auto_augment": { section, _ throws(ConfigError) in
      AutoAugment(
        policy: try section.choice("policy", default: .imagenet, kind: "policy"),
        style: try WarpStyle(reading: section))
    },
    "rand_augment": { section, _ throws(ConfigError) in
      let count = try section.int("magnitudes", default: 31, in: 2...1024)
      return RandAugment(
        operationCount: try section.int("operations", default: 2, in: 0...64),
        magnitude: try section.int("magnitude", default: min(9, count - 1), in: 0...count - 1), magnitudeCount: count,
        style: try WarpStyle(reading: section))
    },
    "trivial_augment_wide": { section, _ throws(ConfigError) in
      TrivialAugmentWide(
        magnitudeCount: try section.int("magnitudes", default: 31, in: 2...1024),
        style: try WarpStyle(reading: section))
    },
    "timm_rand_augment": { section, _ throws(ConfigError) in try TimmRandAugment(reading: section) },
    "random_erasing": { section, _ throws(ConfigError) in
      RandomErasing(
        probability: Float(try section.float("probability", default: 0.5, in: 0...1)),
        area: try range(section, "area", 0.02...1.0 / 3, limit: 1),
        aspect: try range(section, "aspect", 0.3...1 / 0.3, limit: 1000),
        mode: try section.choice("mode", default: .const, kind: "filling"),
        count: try section.int("count", default: 1, in: 1...64))
    },
  ]

  /// The names in alphabetical order.
  public static var names: [String] { makers.keys.sorted() }

  /// The transform that a section names.
  /// - Throws: `ConfigError` with the nearest name for an unknown one, and for options out of range.
  public static func transform(
    _ section: ConfigSection, imageSize: Int
  ) throws(ConfigError) -> (name: String, transform: any Transform) {
    let name = try section.choice("name", among: makers.keys, kind: "transform")
    guard let maker = makers[name] else {
      throw section.unknownName("name", kind: "transform", found: name, known: makers.keys)
    }
    return (name, try maker(section, imageSize))
  }

  private static func size(_ section: ConfigSection, _ side: Int) throws(ConfigError) -> ImageSize {
    ImageSize(side: try section.int("size", default: side, in: 1...ImageSize.largestSide))
  }

  /// Two numbers from 0.0001 to `limit`, so that no product or quotient of them leaves single precision.
  private static func range(
    _ section: ConfigSection, _ key: String, _ value: ClosedRange<Double>, limit: Int
  ) throws(ConfigError) -> ClosedRange<Float> {
    let bounds = try section.floats(key, default: [value.lowerBound, value.upperBound], count: 2)
    guard bounds[0] >= 0.0001 && bounds[0] <= bounds[1] && bounds[1] <= Double(limit) else {
      throw section.error(
        key, "wanted two rising numbers from 0.0001 to \(limit), found \(bounds[0]) and \(bounds[1])")
    }
    return Float(bounds[0])...Float(bounds[1])
  }
}

extension WarpStyle {
  /// `interpolation: bilinear` and `fill: [124, 116, 104]`: nearest and black without them.
  fileprivate init(reading section: ConfigSection) throws(ConfigError) {
    self.init(
      interpolation: try section.choice("interpolation", default: .nearest, kind: "interpolation"),
      fill: try Self.fill(section, default: [0]))
  }

  /// A colour: one value for all channels, or three.
  fileprivate static func fill(_ section: ConfigSection, default colour: [Int]) throws(ConfigError) -> [UInt8] {
    let fill = try section.ints("fill", default: colour, in: 0...255)
    guard fill.count == 1 || fill.count == 3 else {
      throw section.error("fill", "wanted one value for all channels or three, found \(fill.count)")
    }
    return fill.map { UInt8($0) }
  }
}

extension TimmRandAugment {
  fileprivate init(reading section: ConfigSection) throws(ConfigError) {
    let text = try section.string("recipe", default: "rand-m9-mstd0.5-inc1")
    guard let recipe = Recipe(text) else {
      throw section.error("recipe", "wanted \(Recipe.wording); found '\(text.prefix(40))'")
    }
    let names = Interpolation.allCases.map(\.rawValue) + ["random"]
    let interpolation = try section.choice("interpolation", among: names, default: "random", kind: "interpolation")
    // The mean colour of ImageNet's pictures.
    self.init(
      recipe, interpolation: Interpolation(rawValue: interpolation),
      fill: try WarpStyle.fill(section, default: [124, 116, 104]))
  }
}

extension Normalization {
  /// The statistics that a run file can name.
  static let presets: [String: Normalization] = [
    "cifar10": .cifar10, "cifar100": .cifar100, "fashion_mnist": .fashionMNIST, "half": .half, "imagenet": .imageNet,
    "mnist": .mnist, "unit": .unit,
  ]

  /// `normalize: imagenet`, or `normalize: {mean: [0.5], std: [0.25]}` in units of the brightest pixel.
  /// - Throws: `ConfigError` for an unknown name and for lists that do not go with `channels`.
  static func read(
    _ section: ConfigSection, default name: String, channels: Int
  ) throws(ConfigError) -> Normalization {
    guard section.contains("mean") || section.contains("std") else {
      let name = try section.choice("name", among: presets.keys, default: name, kind: "normalisation")
      return presets[name] ?? .unit
    }
    let mean = try section.floats("mean", in: -10_000...10_000), deviation = try section.floats("std")
    guard mean.count == 1 || mean.count == channels else {
      throw section.error("mean", "has \(mean.count) values for \(channels) channels")
    }
    guard deviation.count == mean.count, deviation.allSatisfy((0.0001...10_000).contains) else {
      throw section.error(
        "std", "wanted \(mean.count) numbers from 0.0001 to 10000, as many as mean has; found \(deviation)")
    }
    return Normalization(mean: mean.map { Float($0) }, standardDeviation: deviation.map { Float($0) })
  }
}
