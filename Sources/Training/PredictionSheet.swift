import Datasets
import Pictures

/// A sheet of evaluation pictures, or middle frames of clips, with what the network says of them and what they are.
struct PredictionSheet {
  let evaluation: Evaluation
  var count = 24

  /// Runs the network on pictures spread over the set and writes the sheet; pictures that cannot be read are left out.
  func write(_ runners: NetworkRunners, to path: String) throws {
    let dataset = evaluation.dataset, pipeline = evaluation.pipeline, frames = dataset.framesPerClip
    guard count > 0, dataset.count >= frames else { return }
    var items: [LabelledPictures.Item] = []
    for (_, _, samples) in dataset.spreadClips(count, frames: frames, minimumSide: pipeline.minimumSide) {
      let logits = try runners.answer(samples.map(\.image), pipeline)
      let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
      items.append(
        LabelledPictures.Item(
          image: PixelImage(samples[frames / 2].image),
          predicted: dataset.classNames[min(best, dataset.classNames.count - 1)],
          truth: dataset.classNames[samples[0].label],
          probability: softmax(logits)[best]))
    }
    try LabelledPictures(title: "evaluation pictures", items: items).rendered().writePNG(to: path)
  }
}

extension PixelImage {
  /// A picture of a data set, to be drawn.
  public init(_ image: Image) {
    self.init(width: image.width, height: image.height, channels: image.channels, pixels: image.pixels)
  }
}
