import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Layers
import Pictures
import Tasks

/// Stored weights put to use: names what is on a picture.
///
/// A checkpoint says everything itself (network, preparation of pictures, class names) and needs no data set. A file of
/// weights needs a run file for that, whose data set has the names.
public final class Prediction {
  /// Pictures that are answered together: the frames of a clip where the network's modules look at time, else one.
  public let framesPerClip: Int
  public let classNames: [String]
  let runners: NetworkRunners
  let pipeline: TransformPipeline
  /// Made when the first picture is to be explained.
  var explainer: Explainer?

  /// The answer for one picture or clip.
  public struct Answer: Sendable {
    /// Of a clip, the frame in its middle.
    public let picture: Image
    /// Classes from the likeliest down.
    public let ranking: [Int]
    public let probabilities: [Double]
    /// Of a clip, the mean over its frames.
    public let logits: [Float]
  }

  /// Reads the checkpoint folder or the file of weights at `path`.
  /// - Parameters:
  ///   - runFile: what the network is and how pictures are prepared, in place of what a checkpoint says.
  ///   - isAveraged: whether a checkpoint's moving average answers.
  /// - Throws: `ConfigError` for a file of weights without a run file, and for what is wrong in one; `CheckpointError`,
  ///   `WeightError` and what the file throws.
  public init(
    checkpoint path: String, runFile: RunFile? = nil, isAveraged: Bool = false, threads: Int,
    makeNetwork: Experiment.MakeNetwork
  ) throws {
    let weights = StoredWeights(path, isAveraged: isAveraged)
    let info = weights.isFile ? nil : try CheckpointReader.info(path)
    guard let file = try runFile ?? info.map({ try RunFile(text: $0.runFile, file: path + "/state.json") }) else {
      throw Self.unnamed(path)
    }
    let data = try file.section("data"), model = try file.section("model"), name = try data.string("name")
    let dataset = try info == nil ? Self.dataset(data, canDoWithout: model.contains("classes")) : nil
    let side = try data.int(
      "image_size", default: TransformPipeline.imageSize(of: name) ?? 224, in: 1...ImageSize.largestSide / 2)
    pipeline = try TransformPipeline(
      for: .evaluation, reading: data, dataset: name, channels: 3,
      nativeSize: dataset?.imageSize ?? ImageSize(side: side))
    classNames = info?.classNames ?? dataset?.classNames ?? []
    let network = try ExperimentModel(file, classesOfData: classNames.count, makeNetwork: makeNetwork).network
    try model.finish()
    framesPerClip = network.framesPerClip(image: pipeline.outputShape)
    runners = try NetworkRunners(
      network, Classification(), batch: framesPerClip, image: pipeline.outputShape, team: WorkerTeam(count: threads),
      key: RandomKey(0), mode: .inference)
    try weights.load(into: runners.state)
  }

  /// The data set that has the names of the classes; whoever knows how many there are can do without.
  private static func dataset(_ data: ConfigSection, canDoWithout: Bool) throws -> (any ImageDataset)? {
    do { return try DatasetCatalog.dataset(data, .evaluation) } catch where canDoWithout { return nil }
  }

  private static func unnamed(_ path: String) -> ConfigError {
    let folder = (path as NSString).deletingLastPathComponent
    let isOfCheckpoint = FileManager.default.fileExists(atPath: folder + "/state.json")
    return ConfigError(
      path: "--checkpoint",
      problem: .invalid(
        "\(path) is a file of weights, which does not say of what network: give its run file first, as in "
          + "`trainer predict RUN.yaml --checkpoint \(path) PICTURE`"
          + (isOfCheckpoint ? ", or the whole checkpoint, `--checkpoint \(folder)`" : "")))
  }

  /// The files of each clip: `framesPerClip` of them in turn.
  /// - Throws: `ConfigError` where some are left over.
  public func clips(of files: [String]) throws(ConfigError) -> [[String]] {
    guard files.count % framesPerClip == 0 else {
      throw ConfigError(
        path: "pictures",
        problem: .wrongValue(
          wanted: "a multiple of \(framesPerClip), the frames of each clip in their order, since the network looks at "
            + "clips", found: "\(files.count)"))
    }
    return stride(from: 0, to: files.count, by: framesPerClip).map { Array(files[$0..<$0 + framesPerClip]) }
  }

  /// The answer for a picture file, or for the files of a clip's frames.
  /// - Parameter files: `framesPerClip` of them.
  /// - Throws: `DatasetError` when one cannot be read.
  public func answer(files: [String]) throws -> Answer {
    let pictures = try files.map { try picture(file: $0) }
    let logits = try runners.answer(pictures.map(\.fitted), pipeline)
    return Answer(
      picture: pictures[pictures.count / 2].original, ranking: Self.ranking(logits), probabilities: softmax(logits),
      logits: logits)
  }

  /// Classes from the highest value down; of equal ones the first comes first.
  public static func ranking(_ values: [some Comparable]) -> [Int] {
    values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
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
