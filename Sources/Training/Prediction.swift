import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Layers
import Pictures
import Tasks

/// A checkpoint put to use: names what is on a picture.
///
/// Everything comes from the checkpoint itself (network, preparation of pictures, class names), not from a data set.
public final class Prediction {
  public let classNames: [String]
  let runners: NetworkRunners
  let pipeline: TransformPipeline
  /// Made when the first picture is to be explained.
  var explainer: Explainer?

  /// One picture's answer.
  public struct Answer: Sendable {
    public let picture: Image
    /// Classes from the likeliest down.
    public let ranking: [Int]
    public let probabilities: [Double]
    public let logits: [Float]
  }

  /// Reads the checkpoint folder at `path`.
  /// - Parameter isAveraged: whether its moving average answers.
  public init(
    checkpoint path: String, isAveraged: Bool = false, threads: Int, makeNetwork: Experiment.MakeNetwork
  ) throws {
    let reader = try CheckpointReader(path)
    let file = try RunFile(text: reader.info.runFile, file: path + "/state.json")
    let data = try file.section("data"), model = try file.section("model")
    let side = try data.int("image_size", default: 224, in: 1...ImageSize.largestSide / 2)
    pipeline = try TransformPipeline(
      for: .evaluation, reading: data, dataset: try data.string("name"), channels: 3, nativeSize: ImageSize(side: side))
    classNames = reader.info.classNames
    let network = try makeNetwork(model, try model.int("classes", default: classNames.count, in: 1...1_000_000))
    runners = try NetworkRunners(
      network, Classification(), batch: 1, image: pipeline.outputShape, team: WorkerTeam(count: threads),
      key: RandomKey(0), mode: .inference)
    try reader.restoreModel(runners.state, averaged: isAveraged)
  }

  /// The answer for a picture file.
  /// - Throws: `DatasetError` when it cannot be read.
  public func answer(file: String) throws -> Answer {
    let (original, picture) = try picture(file: file)
    let runner = try runners.runner(.inference, batch: 1)
    try pipeline.write(picture, key: RandomKey(0), to: runner.input("images").pointer)
    runner.input("labels")[0] = 0
    runner.input("weights")[0] = 1
    try runner.forward(random: RandomKey(0))
    let logits = runner.output("logits").array
    let largest = Double(logits.max() ?? 0)
    let powers = logits.map { exp(Double($0) - largest) }, total = powers.reduce(0, +)
    return Answer(
      picture: original, ranking: logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) },
      probabilities: powers.map { $0 / total }, logits: logits)
  }

  /// A picture file, as it is and as the pipeline takes it.
  func picture(file: String) throws -> (original: Image, fitted: Image) {
    let original = try ImageFile.decode(path: file, minimumSide: pipeline.minimumSide)
    var picture = original
    if pipeline.minimumSide == nil {
      // Networks for small pictures of one size prepare nothing: bring any other picture to that size first.
      let height = pipeline.outputShape[0], width = pipeline.outputShape[1]
      var stream = RandomStream(RandomKey(0))
      if picture.height != height || picture.width != width {
        ResizeShorterSide(side: max(height, width)).apply(to: &picture, drawing: &stream)
        try CentreCrop(size: ImageSize(width: width, height: height)).apply(to: &picture, drawing: &stream)
      }
    }
    return (original, picture)
  }

  /// What a class is called.
  public func name(_ label: Int) -> String { classNames.indices.contains(label) ? classNames[label] : "class \(label)" }
}
