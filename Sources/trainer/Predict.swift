import ArgumentParser
import Compute
import Foundation
import Pictures
import Training

/// `trainer predict`: says what is on pictures, and draws them with their labels.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Label pictures with a checkpoint.",
    discussion: """
      Example: trainer predict --checkpoint runs/quickstart/checkpoints/latest photo.jpg --output labelled.png
      """)

  @Option(help: "A checkpoint folder.")
  var checkpoint: String

  @Flag(help: "With the moving average of the weights.")
  var average = false

  @Option(help: "The labelled pictures in one PNG.")
  var output = "predictions.png"

  @Option(help: "The classes listed for each picture.")
  var top = 3

  @Flag(help: "One JSON object a picture, with logits.")
  var json = false

  @Argument(help: "Pictures: JPEG or PNG.")
  var pictures: [String]

  func run() throws {
    try Job.start { _ in
      let prediction = try Prediction(
        checkpoint: checkpoint, isAveraged: average, threads: max(1, Processor.affinityCount),
        makeNetwork: makeNetwork)
      var labelled: [LabelledPictures.Item] = []
      for file in pictures {
        let answer = try prediction.answer(file: file)
        print(json ? try object(file, answer, prediction) : line(file, answer, prediction))
        labelled.append(item(answer, prediction))
      }
      try LabelledPictures(items: labelled).rendered().writePNG(to: output)
      if !json { print("drawn in \(output)") }
      return .success
    }
  }

  private func item(_ answer: Prediction.Answer, _ prediction: Prediction) -> LabelledPictures.Item {
    let picture = answer.picture, best = answer.ranking[0]
    return LabelledPictures.Item(
      image: PixelImage(
        width: picture.width, height: picture.height, channels: picture.channels, pixels: picture.pixels),
      predicted: prediction.name(best), probability: answer.probabilities[best])
  }

  private func line(_ file: String, _ answer: Prediction.Answer, _ prediction: Prediction) -> String {
    let classes = answer.ranking.prefix(top).map {
      "\(prediction.name($0)) \(String(format: "%.1f", 100 * answer.probabilities[$0])) %"
    }
    return "\(file): \(classes.joined(separator: ", "))"
  }

  private func object(_ file: String, _ answer: Prediction.Answer, _ prediction: Prediction) throws -> String {
    let best = answer.ranking[0]
    let values: [String: Any] = [
      "file": file, "class": prediction.name(best), "label": best, "probability": answer.probabilities[best],
      "logits": answer.logits.map { Double($0) },
    ]
    return String(decoding: try JSONSerialization.data(withJSONObject: values, options: [.sortedKeys]), as: UTF8.self)
  }
}
