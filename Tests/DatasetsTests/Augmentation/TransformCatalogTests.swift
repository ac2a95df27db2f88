import Compute
import Configuration
import Datasets
import Testing

@Suite struct TransformCatalogTests {
  private func pipeline(
    _ purpose: TransformPipeline.Purpose, _ values: [String: ConfigValue] = [:], dataset: String = "cifar10",
    channels: Int = 3, nativeSize: ImageSize? = ImageSize(side: 32)
  ) throws -> TransformPipeline {
    let data = ConfigSection(values, path: "data")
    let result = try TransformPipeline(
      for: purpose, reading: data, dataset: dataset, channels: channels, nativeSize: nativeSize)
    try data.finish()
    return result
  }

  private func floats(_ pipeline: TransformPipeline, _ image: Image, sample: Int = 0) throws -> [Float] {
    var result = [Float](repeating: .nan, count: pipeline.outputShape.count)
    try result.withUnsafeMutableBufferPointer {
      try pipeline.write(image, key: RandomKey(4).appending(sample), to: $0.baseAddress!)
    }
    return result
  }

  @Test func shapesOfThePublishedRecipes() throws {
    #expect(try pipeline(.training).outputShape == [32, 32, 3])
    #expect(try pipeline(.evaluation).outputShape == [32, 32, 3])
    #expect(try pipeline(.training, ["image_size": 64]).outputShape == [64, 64, 3])
    #expect(try pipeline(.evaluation, ["image_size": 64]).outputShape == [64, 64, 3])
    let grey = try pipeline(.training, dataset: "fashion-mnist", channels: 1, nativeSize: ImageSize(side: 28))
    #expect(grey.outputShape == [28, 28, 1])
    let photographs = try pipeline(.evaluation, dataset: "imagefolder", nativeSize: nil)
    #expect(photographs.outputShape == [224, 224, 3])
    // Resized to 256, and decoded at no less than twice that.
    #expect(photographs.minimumSide == 512)
    let small = try pipeline(.training, ["image_size": 128], dataset: "imagenet", nativeSize: nil)
    #expect(small.outputShape == [128, 128, 3])
    let scenes = try pipeline(.training, dataset: "scenes", nativeSize: ImageSize(width: 96, height: 64))
    #expect(scenes.outputShape == [64, 96, 3])
  }

  /// What is written draws exactly as the default does where it says the same.
  @Test func writtenEqualsDefault() throws {
    let image = Pictures.corner(width: 32, height: 32)
    let written = try pipeline(
      .training, [
        "augment": [["name": "crop", "size": 32, "padding": 4], "flip"],
        "normalize": ["mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]],
      ])
    for sample in 0..<10 {
      #expect(try floats(written, image, sample: sample) == floats(pipeline(.training), image, sample: sample))
    }
    let none = try pipeline(.training, ["augment": [], "normalize": "unit"])
    #expect(try floats(none, image) == image.pixels.map { Float($0) / 255 })
  }

  /// The resolved run file holds the recipe in full, so that a later version's defaults do not change a resumed run.
  @Test func defaultsAreWrittenOut() throws {
    let file = try RunFile(text: "data: {batch: 8}")
    let data = try file.section("data")
    _ = try data.int("batch")
    _ = try TransformPipeline(for: .training, reading: data, dataset: "cifar10", channels: 3, nativeSize: nil)
    let again = try RunFile(text: file.resolvedYAML())
    let names = try again.section("data").sections("augment").map { try $0.string("name") }
    #expect(names == ["crop", "flip"])
    #expect(try again.section("data").sections("augment")[0].int("padding") == 4)
    #expect(try again.section("data").sections("prepare").isEmpty)
    #expect(try again.section("data").section("normalize").string("name") == "cifar10")
  }

  @Test func evaluationDrawsNothing() throws {
    for (dataset, side) in [("cifar10", 32), ("imagenet", 300), ("mnist", 28), ("scenes", 64)] {
      let evaluation = try pipeline(
        .evaluation, dataset: dataset, nativeSize: dataset == "imagenet" ? nil : ImageSize(side: side))
      let image = Pictures.corner(width: side, height: side)
      #expect(try floats(evaluation, image, sample: 1) == floats(evaluation, image, sample: 2))
    }
  }

  @Test func everyTransformIsReadByItsName() throws {
    #expect(
      TransformCatalog.names == [
        "auto_augment", "centre_crop", "color_jitter", "crop", "flip", "rand_augment", "random_erasing",
        "random_resized_crop", "resize", "resize_exactly", "timm_rand_augment", "trivial_augment_wide",
      ])
    let image = Pictures.corner(width: 60, height: 50)
    for name in TransformCatalog.names {
      let other: ConfigValue = .string(name), isLast = name == "random_erasing"
      let list: ConfigValue = isLast ? ["centre_crop", other] : [other, "centre_crop"]
      let transforms = try pipeline(.evaluation, ["prepare": list, "image_size": 40], nativeSize: nil)
      #expect(transforms.outputShape == [40, 40, 3])
      #expect(transforms.operations == (isLast ? ["centre_crop", name] : [name, "centre_crop"]))
      #expect(try floats(transforms, image).allSatisfy(\.isFinite))
    }
  }

  @Test(arguments: [
    (["augment": ["flop"]], "data.augment[0].name: no transform is called 'flop'; did you mean 'flip'?"),
    (["prepare": ["centre-crop"]],
      "data.prepare[0].name: no transform is called 'centre-crop'; did you mean 'centre_crop'?"),
    (["agument": []], "data.agument: unknown key; did you mean 'augment'?"),
    (["augment": [["name": "crop", "pading": 4]]], "data.augment[0].pading: unknown key; did you mean 'padding'?"),
    (["augment": [["name": "flip", "probability": 2]]],
      "data.augment[0].probability: wanted a number from 0 to 1, found '2'"),
    (["augment": [["name": "random_resized_crop", "scale": [0.5, 0.1]]]],
      "data.augment[0].scale: wanted two rising numbers from 0.0001 to 1, found 0.5 and 0.1"),
    (["augment": [["name": "random_erasing", "aspect": [1e-300, 1e300]]]],
      "data.augment[0].aspect: wanted two rising numbers from 0.0001 to 1000, found 1e-300 and 1e+300"),
    (["normalize": "imagnet"], "data.normalize.name: no normalisation is called 'imagnet'; did you mean 'imagenet'?"),
    (["normalize": ["mean": [0.5, 0.5], "std": [1, 1]]], "data.normalize.mean: has 2 values for 3 channels"),
    (["normalize": ["mean": [0.5], "std": [0]]],
      "data.normalize.std: wanted 1 numbers from 0.0001 to 10000, as many as mean has; found [0.0]"),
    (["augment": [["name": "auto_augment", "policy": "imagnet"]]],
      "data.augment[0].policy: no policy is called 'imagnet'; did you mean 'imagenet'?"),
    (["augment": [["name": "rand_augment", "magnitude": 31]]],
      "data.augment[0].magnitude: wanted a whole number from 0 to 30, found '31'"),
    (["augment": [["name": "rand_augment", "magnitudes": 1]]],
      "data.augment[0].magnitudes: wanted a whole number from 2 to 1024, found '1'"),
    (["augment": [["name": "trivial_augment_wide", "fill": [1, 2]]]],
      "data.augment[0].fill: wanted one value for all channels or three, found 2"),
    (["augment": [["name": "trivial_augment_wide", "interpolation": "bilnear"]]],
      "data.augment[0].interpolation: no interpolation is called 'bilnear'; did you mean 'bilinear'?"),
    (["augment": [["name": "timm_rand_augment", "recipe": "rand-m9-q2"]]],
      "data.augment[0].recipe: wanted 'rand' and any of m, n, mmax (whole, to 100), p (to 1), mstd, inc (0 or 1), as in "
        + "rand-m9-mstd0.5-inc1; found 'rand-m9-q2'"),
    (["augment": ["centre_crop", "random_erasing", "flip"]],
      "data.augment[2].name: random_erasing changes normalised numbers: flip has to come before it"),
    (["augment": [["name": "random_erasing", "area": [0.5, 2]]]],
      "data.augment[0].area: wanted two rising numbers from 0.0001 to 1, found 0.5 and 2.0"),
    (["augment": [["name": "random_erasing", "mode": "noise"]]],
      "data.augment[0].mode: no filling is called 'noise'; known: const, pixel, rand"),
    (["prepare": ["resize"]],
      "data.prepare: pictures of different sizes do not fit into one batch, and the pipeline (resize) leaves them so; "
        + "add crop, centre_crop or random_resized_crop"),
  ] as [([String: ConfigValue], String)])
  func mistakesAreNamed(values: [String: ConfigValue], sentence: String) {
    do {
      _ = try pipeline(.evaluation, values, dataset: "imagenet", nativeSize: nil)
      Issue.record("accepted")
    } catch {
      #expect("\(error)" == sentence)
    }
  }
}
