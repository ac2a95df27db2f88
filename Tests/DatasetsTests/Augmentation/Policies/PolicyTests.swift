import Compute
import Datasets
import Testing

/// What policies draw: the operations themselves are held to their reference in `ImageOperationTests`.
@Suite struct PolicyTests {
  private static let size = ImageSize(width: 40, height: 30)

  /// The kind of an operation, without its strength.
  private func kind(_ operation: ImageOperation) -> String { String("\(operation)".prefix { $0 != "(" }) }

  private func frequencies(_ draws: Int, _ draw: (inout RandomStream) -> [ImageOperation]) -> [String: Double] {
    var counts: [String: Double] = [:]
    for number in 0..<draws {
      var random = RandomStream(RandomKey(11).appending(number))
      for operation in draw(&random) { counts[kind(operation), default: 0] += 1 / Double(draws) }
    }
    return counts
  }

  /// How often each operation comes, from the probabilities in torchvision's tables.
  @Test(
    arguments: [
      (
        .imagenet,
        [
          "autoContrast": 0.048, "color": 0.152, "contrast": 0.08, "equalize": 0.448, "invert": 0.072,
          "posterize": 0.112, "rotate": 0.144, "sharpness": 0.016, "shearX": 0.024, "solarize": 0.144,
        ]
      ),
      (
        .cifar10,
        [
          "autoContrast": 0.2, "brightness": 0.092, "color": 0.116, "contrast": 0.032, "equalize": 0.188,
          "invert": 0.008, "posterize": 0.012, "rotate": 0.028, "sharpness": 0.112, "shearY": 0.028, "solarize": 0.076,
          "translateX": 0.032, "translateY": 0.136,
        ]
      ),
      (
        .svhn,
        [
          "autoContrast": 0.092, "contrast": 0.012, "equalize": 0.156, "invert": 0.304, "rotate": 0.136,
          "shearX": 0.168, "shearY": 0.244, "solarize": 0.088, "translateX": 0.036, "translateY": 0.08,
        ]
      ),
    ] as [(AutoAugment.Policy, [String: Double])])
  func autoAugmentDrawsAsItsTablesSay(policy: AutoAugment.Policy, expected: [String: Double]) {
    let transform = AutoAugment(policy: policy)
    let found = frequencies(20_000) { transform.operations(for: Self.size, drawing: &$0) }
    #expect(Set(found.keys) == Set(expected.keys))
    // Four standard deviations of a frequency among 20,000 draws are 0.014 at most.
    for (name, frequency) in expected { #expect(abs(found[name, default: 0] - frequency) < 0.014, "\(name)") }
  }

  @Test func autoAugmentTakesBothDirections() {
    let transform = AutoAugment(policy: .svhn)
    var draws: Set<ImageOperation> = []
    for number in 0..<2000 {
      var random = RandomStream(RandomKey(12).appending(number))
      draws.formUnion(transform.operations(for: Self.size, drawing: &random))
    }
    // Magnitude 8 and 5 of 0..<10 up to 0.3, in single precision.
    let steps = [Float(8), 5].map { Double(Float(0.3) - Float(0.3) / 9 * (9 - $0)) }
    for step in steps {
      #expect(draws.contains { if case .shearY(let slope) = $0 { abs(slope - step) < 1e-7 } else { false } })
      #expect(draws.contains { if case .shearY(let slope) = $0 { abs(slope + step) < 1e-7 } else { false } })
    }
  }

  /// Thirteen operations and nothing, each as often.
  @Test func randAugmentDrawsEvenly() {
    let scale = MagnitudeScale(count: 31)
    let found = frequencies(20_000) { [scale.draw(magnitude: 9, size: Self.size, &$0)].compactMap { $0 } }
    #expect(found.count == 13 && found["invert"] == nil)
    // Four standard deviations are 0.0073.
    for (name, frequency) in found { #expect(abs(frequency - 1.0 / 14) < 0.0073, "\(name)") }
    #expect(abs(found.values.reduce(0, +) - 13.0 / 14) < 0.0073)
  }

  @Test func transformsChangeAPictureByTheirDrawsAlone() throws {
    let image = Pictures.corner(width: 24, height: 20)
    let transforms: [any Transform] = [
      AutoAugment(policy: .imagenet), RandAugment(), TrivialAugmentWide(),
      TimmRandAugment(TimmRandAugment.Recipe(), fill: [128]),
    ]
    for transform in transforms {
      func results(_ image: Image) throws -> [Image] {
        try (0..<60).map {
          var image = image
          var random = RandomStream(RandomKey(2).appending($0))
          try transform.apply(to: &image, drawing: &random)
          return image
        }
      }
      let once = try results(image), grey = try results(image.grey)
      #expect(try results(image) == once)
      #expect(Set(once).count > 20, "\(transform)")
      #expect(once.allSatisfy { $0.size == image.size })
      #expect(grey.allSatisfy { $0.channels == 1 })
    }
    var untouched = image
    var random = RandomStream(RandomKey(3))
    RandAugment(operationCount: 0).apply(to: &untouched, drawing: &random)
    #expect(untouched == image)
  }
}

/// timm 1.0.15's `rand_augment_transform`.
@Suite struct TimmRandAugmentTests {
  private static let size = ImageSize(width: 40, height: 30)

  private func draws(_ recipe: TimmRandAugment.Recipe, _ count: Int = 3000) -> [ImageOperation?] {
    (0..<count).map {
      var random = RandomStream(RandomKey(5).appending($0))
      return recipe.draw(size: Self.size, &random)
    }
  }

  @Test func recipesAreRead() throws {
    let recipe = try #require(TimmRandAugment.Recipe("rand-m9-mstd0.5-inc1"))
    #expect(recipe.magnitude == 9 && recipe.magnitudeDeviation == 0.5 && recipe.isIncreasing)
    #expect(recipe.operationCount == 2 && recipe.probability == 0.5 && recipe.largestMagnitude == 10)
    let other = try #require(TimmRandAugment.Recipe("rand-n3-mmax20-p0.25-mstd101-m15"))
    #expect(other.operationCount == 3 && other.largestMagnitude == 20 && other.probability == 0.25)
    #expect(other.magnitudeDeviation == .infinity && other.magnitude == 15 && !other.isIncreasing)
    #expect(TimmRandAugment.Recipe("rand") == TimmRandAugment.Recipe())
    for text in [
      "", "m9", "rand-", "rand-9", "rand-m", "rand-m9.5", "rand-m-3", "rand-q3", "rand-tweights", "original-mstd0.5",
      "rand-p2", "rand-inc2", "rand-mnan", "rand-m1e30",
    ] {
      #expect(TimmRandAugment.Recipe(text) == nil, "\(text)")
    }
  }

  /// Every argument that timm's `LEVEL_TO_ARG` gives at these magnitudes, and no other.
  @Test func argumentsAreTimms() throws {
    func expected(
      _ degrees: Double, _ bits: Int, _ threshold: Double, _ added: Int, _ factors: [Float], _ slope: Double,
      _ part: Double
    ) -> Set<ImageOperation> {
      var set: Set<ImageOperation> = [
        .autoContrast, .equalize, .invert, .posterize(bits), .solarize(threshold), .solarizeAdd(added),
      ]
      for sign in [1.0, -1] {
        set.formUnion([
          .rotate(sign * degrees), .shearX(sign * slope), .shearY(sign * slope), .translateX(sign * part * 40),
          .translateY(sign * part * 30),
        ])
      }
      for factor in factors {
        set.formUnion([.color(factor), .contrast(factor), .brightness(factor), .sharpness(factor)])
      }
      return set
    }
    func found(_ text: String) throws -> Set<ImageOperation> {
      Set(draws(try #require(TimmRandAugment.Recipe(text))).compactMap { $0 })
    }
    #expect(try found("rand-m9-inc1") == expected(27, 1, 26, 99, [0.19, 1.81], 0.27, 0.405))
    #expect(try found("rand-m9") == expected(27, 3, 230, 99, [1.72], 0.27, 0.405))
    #expect(try found("rand-m10-inc1") == expected(30, 0, 0, 110, [0.1, 1.9], 0.3, 0.45))
    // Beyond 10 only with mmax.
    #expect(try found("rand-m20-inc1") == found("rand-m10-inc1"))
    #expect(try found("rand-m20-mmax20-inc1").contains(.posterize(0)))
  }

  @Test func halfOfTheOperationsAreLeftOutAndMagnitudesVary() throws {
    let recipe = try #require(TimmRandAugment.Recipe("rand-m9-mstd0.5-inc1"))
    let all = draws(recipe, 60_000)
    // Four standard deviations.
    #expect(abs(Double(all.count { $0 == nil }) / 60_000 - 0.5) < 0.0082)
    let magnitudes = all.compactMap { if case .rotate(let degrees)? = $0 { abs(degrees) / 3 } else { nil } }
    #expect(magnitudes.count > 1800)
    let mean = magnitudes.reduce(0, +) / Double(magnitudes.count)
    // timm over 400,000 draws: mean 8.9955, deviation 0.4904, 2.25 % at the upper bound of 10.
    #expect(abs(mean - 8.9955) < 0.045)
    #expect(abs(Double(magnitudes.count { $0 == 10 }) / Double(magnitudes.count) - 0.0225) < 0.014)
  }
}
