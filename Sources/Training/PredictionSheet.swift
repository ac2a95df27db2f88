import Compute
import Datasets
import Foundation
import Graphs
import Pictures
import Tasks

/// A sheet of evaluation pictures with what the network says of them and what they are.
struct PredictionSheet {
  let evaluation: Evaluation
  var count = 24

  /// Runs the network on pictures spread over the set and writes the sheet; pictures that cannot be read are left out.
  func write(_ runners: NetworkRunners, to path: String) throws {
    let dataset = evaluation.dataset, shown = min(count, dataset.count)
    guard shown > 0 else { return }
    let runner = try runners.runner(.inference, batch: 1)
    var items: [LabelledPictures.Item] = []
    for place in 0..<shown {
      let index = place * dataset.count / shown
      guard let sample = try? dataset.sample(at: index, minimumSide: evaluation.pipeline.minimumSide) else { continue }
      try evaluation.pipeline.write(sample.image, key: RandomKey(0), to: runner.input("images").pointer)
      runner.input("labels")[0] = Float(sample.label)
      runner.input("weights")[0] = 1
      try runner.forward(random: RandomKey(0))
      let logits = runner.output("logits").array
      let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0, largest = Double(logits[best])
      let probability = 1 / logits.reduce(0.0) { $0 + exp(Double($1) - largest) }
      let picture = sample.image
      items.append(
        LabelledPictures.Item(
          image: PixelImage(
            width: picture.width, height: picture.height, channels: picture.channels, pixels: picture.pixels),
          predicted: dataset.classNames[min(best, dataset.classNames.count - 1)],
          truth: dataset.classNames[sample.label],
          probability: probability))
    }
    try LabelledPictures(title: "evaluation pictures", items: items).rendered().writePNG(to: path)
  }
}
