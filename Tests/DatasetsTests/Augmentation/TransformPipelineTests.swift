import Compute
import Datasets
import Testing

@Suite struct TransformPipelineTests {
  private func floats(_ pipeline: TransformPipeline, _ image: Image, key: RandomKey) throws -> [Float] {
    var result = [Float](repeating: .nan, count: pipeline.outputShape.count)
    try result.withUnsafeMutableBufferPointer { try pipeline.write(image, key: key, to: $0.baseAddress!) }
    return result
  }

  /// The CIFAR recipe as one would write it down: pixel by pixel, on floats, from the definition.
  @Test func equalsTheSlowTwin() throws {
    let size = ImageSize(side: 32)
    let pipeline = try TransformPipeline(
      [("crop", PadAndCrop(size: size, padding: 4)), ("flip", HorizontalFlip())], normalization: .cifar10, channels: 3,
      nativeSize: size)
    let image = Pictures.corner(width: 32, height: 32)
    for sample in 0..<50 {
      let key = RandomKey(9).appending(sample)
      var cropStream = RandomStream(key.appending(RandomKey(0).appending("crop").appending(0).bits))
      var flipStream = RandomStream(key.appending(RandomKey(0).appending("flip").appending(0).bits))
      let top = cropStream.integer(below: 9) - 4, left = cropStream.integer(below: 9) - 4
      let flips = flipStream.uniform() < 0.5
      var expected: [Float] = []
      for row in 0..<32 {
        for column in 0..<32 {
          for channel in 0..<3 {
            let sourceRow = row + top, sourceColumn = (flips ? 31 - column : column) + left
            let isInside = (0..<32).contains(sourceRow) && (0..<32).contains(sourceColumn)
            let byte = isInside ? image[sourceRow, sourceColumn, channel] : 0
            expected.append(
              (Float(byte) / 255 - Normalization.cifar10.mean[channel])
                / Normalization.cifar10.standardDeviation[channel])
          }
        }
      }
      #expect(try floats(pipeline, image, key: key) == expected)
    }
    #expect(pipeline.outputShape == [32, 32, 3] && pipeline.minimumSide == nil)
  }

  @Test func channelsBecomeWhatTheNetworkTakes() throws {
    let image = Pictures.corner(width: 3, height: 2)
    let size = image.size
    let two = Normalization(mean: [0.5, 0.25, 0], standardDeviation: [0.5, 1, 2])
    let repeated = try TransformPipeline([], normalization: two, channels: 3, nativeSize: size)
    let greys = image.grey.pixels
    let expected = greys.flatMap { grey -> [Float] in
      let unit = Float(grey) / 255
      return [(unit - 0.5) / 0.5, unit - 0.25, unit / 2]
    }
    #expect(try floats(repeated, image.grey, key: RandomKey(0)) == expected)
    let single = try TransformPipeline([], normalization: .unit, channels: 1, nativeSize: size)
    #expect(try floats(single, image, key: RandomKey(0)) == greys.map { Float($0) / 255 })
    #expect(try floats(single, image.grey, key: RandomKey(0)) == greys.map { Float($0) / 255 })
    // One mean serves all channels.
    let unit = try TransformPipeline([], normalization: .unit, channels: 3, nativeSize: size)
    #expect(try floats(unit, image, key: RandomKey(0)) == image.pixels.map { Float($0) / 255 })
  }

  /// Another operation before it, or one of the same name after it, changes nothing in what an operation draws.
  @Test func drawsBelongToTheOperation() throws {
    let size = ImageSize(side: 16)
    let image = Pictures.corner(width: 16, height: 16)
    let flip = ("flip", HorizontalFlip() as any Transform)
    let nothing = ("color_jitter", ColorJitter() as any Transform)
    let alone = try TransformPipeline([flip], normalization: .unit, channels: 3, nativeSize: size)
    let second = try TransformPipeline([nothing, flip], normalization: .unit, channels: 3, nativeSize: size)
    let twice = try TransformPipeline([flip, flip], normalization: .unit, channels: 3, nativeSize: size)
    var patterns = Set<[Float]>()
    for sample in 0..<20 {
      let key = RandomKey(1).appending(sample)
      #expect(try floats(alone, image, key: key) == floats(second, image, key: key))
      patterns.insert(try floats(twice, image, key: key))
    }
    // Two flips that drew alike would always undo each other.
    #expect(patterns.count == 2)
  }

  @Test func sizesThatDoNotFitAreRefused() throws {
    #expect(throws: PipelineError(operations: ["resize"])) {
      try TransformPipeline(
        [("resize", ResizeShorterSide(side: 256))], normalization: .unit, channels: 3, nativeSize: nil)
    }
    let pipeline = try TransformPipeline([], normalization: .unit, channels: 3, nativeSize: ImageSize(side: 32))
    #expect(throws: TransformError(operation: "batch", found: ImageSize(width: 30, height: 32), wanted: "32x32")) {
      try floats(pipeline, Pictures.corner(width: 30, height: 32), key: RandomKey(0))
    }
  }
}
