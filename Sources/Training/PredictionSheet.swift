import Datasets
import Pictures

/// A sheet of evaluation pictures, or middle frames of clips, with what the network says of them and what they are.
struct PredictionSheet {
  let evaluation: Evaluation
  var count = 24

  /// Runs the network on pictures spread over the set and writes the sheet; pictures that cannot be read are left out.
  func write(_ runners: NetworkRunners, to path: String) throws {
    let dataset = evaluation.dataset, pipeline = evaluation.pipeline, frames = dataset.framesPerClip
    let clips = dataset.count / frames, shown = min(count, clips)
    guard shown > 0 else { return }
    var items: [LabelledPictures.Item] = []
    for place in 0..<shown {
      let first = place * clips / shown * frames
      let samples = (first..<first + frames).compactMap {
        try? dataset.sample(at: $0, minimumSide: pipeline.minimumSide)
      }
      guard samples.count == frames else { continue }
      let logits = try runners.answer(samples.map(\.image), pipeline)
      let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0, picture = samples[frames / 2].image
      items.append(
        LabelledPictures.Item(
          image: PixelImage(
            width: picture.width, height: picture.height, channels: picture.channels, pixels: picture.pixels),
          predicted: dataset.classNames[min(best, dataset.classNames.count - 1)],
          truth: dataset.classNames[samples[0].label],
          probability: softmax(logits)[best]))
    }
    try LabelledPictures(title: "evaluation pictures", items: items).rendered().writePNG(to: path)
  }
}
