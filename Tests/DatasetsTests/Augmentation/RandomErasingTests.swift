import Compute
import Datasets
import Testing

@Suite struct RandomErasingTests {
  private func windows(_ erasing: RandomErasing, _ size: ImageSize, count: Int = 20_000) -> [[ImageWindow]] {
    (0..<count).map {
      var random = RandomStream(RandomKey(31).appending($0))
      return erasing.windows(in: size, drawing: &random)
    }
  }

  /// Means of timm 1.0.15's `RandomErasing` over 100,000 pictures: rectangles of a picture, and of each its share of
  /// the area, its top and its height in parts of the picture's.
  @Test(
    arguments: [
      (32, 32, 1, 0.02, 1.0 / 3, [1, 0.17506, 0.28748, 0.42516]), (60, 20, 1, 0.02, 1.0 / 3, [1, 0.15475, 0.20719, 0.58454]),
      (32, 32, 3, 0.02, 1.0 / 3, [1.99812, 0.08813, 0.35113, 0.29572]),
      (12, 40, 1, 0.2, 0.9, [0.93962, 0.41075, 0.23807, 0.52183]),
    ] as [(Int, Int, Int, Float, Float, [Double])])
  func rectanglesAreTimms(width: Int, height: Int, count: Int, least: Float, most: Float, means: [Double]) {
    let size = ImageSize(width: width, height: height)
    let pictures = windows(RandomErasing(probability: 1, area: least...most, count: count), size)
    let all = pictures.joined(), number = Double(all.count)
    for window in all {
      #expect(window.top >= 0 && window.left >= 0 && window.size.width < width && window.size.height < height)
      #expect(window.top + window.size.height <= height && window.left + window.size.width <= width)
    }
    let area = all.reduce(0.0) { $0 + Double($1.size.width * $1.size.height) } / Double(width * height) / number
    let top = all.reduce(0.0) { $0 + Double($1.top) } / Double(height) / number
    let side = all.reduce(0.0) { $0 + Double($1.size.height) } / Double(height) / number
    // Five standard deviations of a mean over 20,000, the reference's own error within: deviations are 0.83 for the
    // number (three at most), 0.16 for the area, 0.25 for top and height.
    #expect(abs(number / 20_000 - means[0]) < 0.03)
    #expect(abs(area - means[1]) < 0.0058)
    #expect(abs(top - means[2]) < 0.009)
    #expect(abs(side - means[3]) < 0.008)
  }

  @Test func probabilityIsThatOfAnythingBeingErased() {
    let drawn = windows(RandomErasing(probability: 0.25), ImageSize(side: 32))
    #expect(abs(Double(drawn.count { !$0.isEmpty }) / 20_000 - 0.25) < 0.0125)
    #expect(windows(RandomErasing(probability: 0), ImageSize(side: 32), count: 100).allSatisfy { $0.isEmpty })
    #expect(windows(RandomErasing(probability: 1), ImageSize(side: 1), count: 100).allSatisfy { $0.isEmpty })
  }

  /// After the normalisation: what is erased is 0 or has a mean of 0 and a deviation of 1, all else is what it was.
  @Test(arguments: RandomErasing.Mode.allCases) func fillings(mode: RandomErasing.Mode) throws {
    let size = ImageSize(side: 48), image = Pictures.corner(width: 48, height: 48)
    func floats(_ transforms: [(name: String, transform: any Transform)], _ sample: Int) throws -> [Float] {
      let pipeline = try TransformPipeline(transforms, normalization: .imageNet, channels: 3, nativeSize: size)
      var result = [Float](repeating: .nan, count: pipeline.outputShape.count)
      try result.withUnsafeMutableBufferPointer {
        try pipeline.write(image, key: RandomKey(6).appending(sample), to: $0.baseAddress!)
      }
      return result
    }
    let erasing = RandomErasing(probability: 1, area: 0.1...0.3, mode: mode)
    var values: [Float] = []
    for sample in 0..<40 {
      let plain = try floats([], sample), erased = try floats([("random_erasing", erasing)], sample)
      let changed = erased.indices.filter { erased[$0] != plain[$0] }
      // A rectangle: full rows of pixels, all three channels.
      let rows = Set(changed.map { $0 / 144 }), columns = Set(changed.map { $0 % 144 / 3 })
      #expect(changed.count == rows.count * columns.count * 3)
      #expect(Double(changed.count) / 6912 > 0.09 && Double(changed.count) / 6912 < 0.31)
      let colours = Set(changed.map { erased[$0] })
      switch mode {
      case .const: #expect(colours == [0])
      case .rand:
        #expect(colours.count == 3)
        for channel in 0..<3 { #expect(Set(changed.filter { $0 % 3 == channel }.map { erased[$0] }).count == 1) }
      case .pixel: #expect(colours.count > changed.count / 2)
      }
      values += changed.map { erased[$0] }
    }
    guard mode == .pixel else { return }
    let mean = values.reduce(0, +) / Float(values.count)
    let square = values.reduce(0) { $0 + $1 * $1 } / Float(values.count)
    // More than 25,000 numbers: five standard deviations.
    #expect(abs(mean) < 0.032 && abs(square - 1) < 0.045)
  }
}
