import Compute

/// The way from a decoded picture to the floats of a batch: transforms in order, one normalising copy, and then what
/// changes normalised numbers.
public struct TransformPipeline: Sendable {
  /// What every picture becomes: [height, width, channels].
  public let outputShape: Shape
  /// The pixels that the shorter side must keep when a decoder scales; `nil` asks for full size.
  public let minimumSide: Int?
  /// The names of the transforms in their order.
  public let operations: [String]
  private let stages: [Stage<any Transform>]
  private let normalizedStages: [Stage<any NormalizedTransform>]
  private let size: ImageSize
  private let copy: NormalizingCopy

  /// A transform and the branch of the random key that is its own.
  private struct Stage<Operation: Sendable>: Sendable {
    let transform: Operation
    let branch: UInt64
  }

  /// - Parameters:
  ///   - transforms: each with its name, which keys what it draws: another transform before it changes nothing for it.
  ///   - channels: what the network takes, 1 or 3.
  ///   - nativeSize: the size of the data set's pictures, where they have one size.
  /// - Throws: `PipelineError` when pictures may differ in size at the end, and so do not fit into one batch.
  public init(
    _ transforms: [(name: String, transform: any Transform)], normalization: Normalization, channels: Int,
    nativeSize: ImageSize?
  ) throws(PipelineError) {
    guard let size = transforms.reversed().lazy.compactMap(\.transform.outputSize).first ?? nativeSize else {
      throw PipelineError(operations: transforms.map(\.name))
    }
    self.size = size
    outputShape = [size.height, size.width, channels]
    minimumSide = transforms.first?.transform.minimumSide
    operations = transforms.map(\.name)
    copy = NormalizingCopy(normalization, channels: channels)
    var occurrences: [String: Int] = [:]
    var stages: [Stage<any Transform>] = [], normalizedStages: [Stage<any NormalizedTransform>] = []
    for (name, transform) in transforms {
      let occurrence = occurrences[name, default: 0]
      occurrences[name] = occurrence + 1
      let branch = RandomKey(0).appending(name).appending(occurrence).bits
      if let transform = transform as? any NormalizedTransform {
        normalizedStages.append(Stage(transform: transform, branch: branch))
      } else {
        stages.append(Stage(transform: transform, branch: branch))
      }
    }
    self.stages = stages
    self.normalizedStages = normalizedStages
  }

  /// Transforms `image` and writes it to `target`, which has room for `outputShape`.
  /// - Parameter key: that of (seed, epoch, sample).
  /// - Throws: `TransformError` when the picture does not suit an operation or ends in another size than the batch has.
  public func write(_ image: consuming Image, key: RandomKey, to target: UnsafeMutablePointer<Float>) throws {
    copy.write(try prepared(image, key: key), to: target)
    for stage in normalizedStages {
      var random = RandomStream(key.appending(stage.branch))
      stage.transform.apply(to: TensorView(target, outputShape), drawing: &random)
    }
  }

  /// What `write` shows the network of `image`, before it is normalised.
  /// - Throws: as `write` does.
  public func prepared(_ image: consuming Image, key: RandomKey) throws -> Image {
    for stage in stages {
      var random = RandomStream(key.appending(stage.branch))
      try stage.transform.apply(to: &image, drawing: &random)
    }
    guard image.width == size.width && image.height == size.height else {
      throw TransformError(operation: "batch", found: image.size, wanted: "\(size)")
    }
    return image
  }
}

/// A pipeline at whose end pictures may differ in size.
public struct PipelineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The names of the operations in order.
  public let operations: [String]

  public init(operations: [String]) { self.operations = operations }

  public var description: String {
    let list = operations.isEmpty ? "no operation" : operations.joined(separator: ", ")
    return "pictures of different sizes do not fit into one batch, and the pipeline (\(list)) leaves them so; "
      + "add crop, centre_crop or random_resized_crop"
  }
}
