import Compute
import Configuration
import Datasets
import Testing

@Suite struct MixingTests {
  /// Windows and shares of timm 1.0.15's `cutmix_bbox_and_lam`.
  @Test(
    arguments: [
      (0.5, 3, 5, 16, 12, 0..<7, 0..<10, 0.6354166666666667), (0.1, 0, 15, 16, 12, 0..<5, 8..<16, 0.7916666666666666),
      (0.9, 11, 8, 16, 12, 10..<12, 6..<10, 0.9583333333333334), (0.999, 6, 6, 16, 12, 6..<6, 6..<6, 1.0),
      (0.0, 6, 8, 16, 12, 0..<12, 0..<16, 0.0), (0.3, 6, 8, 17, 13, 1..<11, 1..<15, 0.36651583710407243),
      (0.64, 5, 0, 10, 10, 2..<8, 0..<3, 0.8200000000000001),
    ] as [(Double, Int, Int, Int, Int, Range<Int>, Range<Int>, Double)])
  func windowsAreTimms(
    share: Double, row: Int, column: Int, width: Int, height: Int, rows: Range<Int>, columns: Range<Int>,
    corrected: Double
  ) {
    let mix = Mix(leaving: share, centre: (row, column), size: ImageSize(width: width, height: height))
    #expect(mix.rows == rows && mix.columns == columns && mix.labelShare == Float(corrected) && mix.pixelShare == 0)
  }

  private func draws(_ mixing: Mixing, _ count: Int = 40_000) -> [Mix] {
    (0..<count).map {
      var random = RandomStream(RandomKey(14).appending($0))
      return mixing.draw(size: ImageSize(side: 32), &random)
    }
  }

  @Test func sharesHaveTheirMoments() {
    for alpha in [0.2, 1.0, 8] {
      let shares = draws(Mixing(mixupAlpha: alpha)).map { Double($0.labelShare) }
      let mean = shares.reduce(0, +) / 40_000
      let variance = shares.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 40_000
      // Five standard deviations; a variance of Beta(a, a) is 1 / (4 (2 a + 1)).
      #expect(abs(mean - 0.5) < 0.013, "\(alpha)")
      #expect(abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.003, "\(alpha)")
      #expect(shares.allSatisfy { $0 >= 0 && $0 <= 1 })
    }
    // timm over 400,000 draws with alpha = 1 on pictures of 32x32: mean 0.7003, deviation 0.1831.
    let windows = draws(Mixing(cutmixAlpha: 1)).map { Double($0.labelShare) }
    #expect(abs(windows.reduce(0, +) / 40_000 - 0.7003) < 0.0055)
  }

  @Test func probabilitiesChoose() {
    let mixes = draws(Mixing(mixupAlpha: 1, cutmixAlpha: 1, probability: 0.6, switchProbability: 0.25))
    let none = mixes.count { $0 == Mix() }, mixup = mixes.count { $0.pixelShare > 0 }
    // A cutmix window without an area is none, in one of 256 cases.
    #expect(abs(Double(none) / 40_000 - 0.4) < 0.015)
    #expect(abs(Double(mixup) / 40_000 - 0.6 * 0.75) < 0.0125)
    #expect(draws(Mixing(mixupAlpha: 1, probability: 0), 100).allSatisfy { $0 == Mix() })
  }

  /// A batch of four grey pictures of 4x6 whose pixels tell where they come from.
  private func batch() -> Batch {
    Batch(
      BatchAddress(epoch: 0, step: 0, replica: 0), sampleShape: [4, 6, 1],
      images: (0..<4).flatMap { sample in (0..<24).map { Float(100 * sample + $0) } }, labels: [3, 0, 4, 1],
      weights: [1, 1, 1, 1], indices: [5, 6, 7, 8])
  }

  private let size = ImageSize(width: 6, height: 4)

  /// What timm 1.0.15's `Mixup` makes of that batch: mixup with 0.25, a window about (1, 4), nothing, one about (3, 2).
  @Test func eachSampleInItsOwnWay() {
    let batch = batch()
    batch.mix(0, 3, (Mix(blending: 0.25, size: size), Mix(leaving: Double(Float(0.1)), centre: (3, 2), size: size)))
    batch.mix(1, 2, (Mix(leaving: 0.5, centre: (1, 4), size: size), Mix()))
    let images = batch.images.array
    #expect(Array(images[0..<24]) == (0..<24).map { Float(225 + $0) })
    #expect(
      Array(images[24..<48]) == [
        100, 101, 202, 203, 204, 205, 106, 107, 208, 209, 210, 211, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121,
        122, 123,
      ])
    #expect(Array(images[48..<72]) == (200..<224).map { Float($0) })
    #expect(
      Array(images[72..<96]) == [
        300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 12, 13, 14, 15, 316, 317, 18, 19, 20, 21, 322, 323,
      ])
    #expect(Array(batch.partnerLabels) == [1, 4, 0, 3])
    #expect(Array(batch.labelShares) == [0.25, Float(1 - 8.0 / 24), 1, Float(1 - 8.0 / 24)])
  }

  @Test func windowsAreExchangedWithinAPair() {
    let batch = batch(), window = Mix(leaving: 0.5, centre: (1, 4), size: size)
    batch.mix(1, 2, (window, window))
    let images = batch.images.array
    #expect(
      Array(images[48..<72]) == [
        200, 201, 102, 103, 104, 105, 206, 207, 108, 109, 110, 111, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221,
        222, 223,
      ])
    #expect(Array(images[24..<36]) == [100, 101, 202, 203, 204, 205, 106, 107, 208, 209, 210, 211])
  }

  @Test func settingsAreRead() throws {
    func read(_ values: [String: ConfigValue]) throws -> Mixing? {
      let data = ConfigSection(values, path: "data")
      let mixing = try Mixing.read(data)
      try data.finish()
      return mixing
    }
    #expect(try read([:]) == nil)
    #expect(try read(["mix": ["mixup_alpha": 0.8, "mode": "elem"]]) == Mixing(mixupAlpha: 0.8, mode: .elem))
    let both = try read(["mix": ["mixup_alpha": 0.8, "cutmix_alpha": 1, "switch_probability": 0.25]])
    #expect(both == Mixing(mixupAlpha: 0.8, cutmixAlpha: 1, switchProbability: 0.25))
    #expect(both.map { "\($0)" } == "mixup 0.8 or cutmix 1.0 by batch")
    let mistakes: [([String: ConfigValue], String)] = [
      ([:], "data.mix: wanted mixup_alpha or cutmix_alpha above 0; leave the section out to mix nothing"),
      (["mixup_alpha": -1], "data.mix.mixup_alpha: wanted a number from 0 to 1000, found '-1'"),
      (["mixup_alpha": 1e-5], "data.mix.mixup_alpha: wanted 0 for none, or a number from 0.001 to 1000, found 1e-05"),
      (["mixup_alpha": 1, "probability": 1.5], "data.mix.probability: wanted a number from 0 to 1, found '1.5'"),
      (["mixup_alpha": 1, "mode": "pairs"], "data.mix.mode: no mode is called 'pairs'; did you mean 'pair'?"),
      (["mixup_alpha": 1, "switch_prob": 0.5],
        "data.mix.switch_prob: unknown key; did you mean 'switch_probability'?"),
    ]
    for (values, sentence) in mistakes {
      let error = #expect(throws: ConfigError.self) { try read(["mix": .section(values)]) }
      #expect(error.map { "\($0)" } == sentence)
    }
  }
}
