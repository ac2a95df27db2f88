import ArgumentParser
import Compute
import Foundation
import Pictures
import Training

/// `trainer predict`: says what is on pictures, and draws them with their labels, or why the network says so.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Label pictures with a checkpoint, or explain the labels.",
    discussion: """
      Example: trainer predict --checkpoint runs/quickstart/checkpoints/latest photo.jpg --output labelled.png
      With --explain each picture gets a page of its own: Grad-CAM, the modules' maps, gates and weights.
      """)

  @Option(help: "A checkpoint folder.")
  var checkpoint: String

  @Flag(help: "With the moving average of the weights.")
  var average = false

  @Option(help: "The labelled pictures in one PNG (predictions.png); with --explain a folder (explanations).")
  var output: String?

  @Option(help: "The classes listed for each picture.")
  var top = 3

  @Flag(help: "Draw for each picture where the network looks and what its attention modules do.")
  var explain = false

  @Option(name: .customLong("class"), help: "With --explain: the class to explain, in place of the likeliest.")
  var explainedClass: String?

  @Flag(help: "One JSON object a picture, with logits; with --explain also every map, gate and weight.")
  var json = false

  @Argument(help: "Pictures: JPEG or PNG.")
  var pictures: [String]

  func validate() throws {
    if explainedClass != nil && !explain {
      throw ValidationError("--class goes with --explain: it says whose score is explained")
    }
  }

  func run() throws {
    try Job.start { _ in
      let prediction = try Prediction(
        checkpoint: checkpoint, isAveraged: average, threads: max(1, Processor.affinityCount),
        makeNetwork: makeNetwork)
      if explain {
        try writeExplanations(prediction)
      } else {
        try writeLabels(prediction)
      }
      return .success
    }
  }

  private func writeLabels(_ prediction: Prediction) throws {
    let output = output ?? "predictions.png"
    var labelled: [LabelledPictures.Item] = []
    for file in pictures {
      let answer = try prediction.answer(file: file)
      print(json ? try object(file, answer, prediction) : line(file, answer.probabilities, answer.ranking, prediction))
      labelled.append(item(answer, prediction))
    }
    try LabelledPictures(items: labelled).rendered().writePNG(to: output)
    if !json { print("drawn in \(output)") }
  }

  private func writeExplanations(_ prediction: Prediction) throws {
    let folder = output ?? "explanations"
    let label = try explainedClass.map { try prediction.label(named: $0) }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw PictureError(path: folder, reason: "the folder cannot be made")
    }
    var names = PictureNames()
    for file in pictures {
      let explanation = try prediction.explanation(file: file, label: label)
      let page = "\(folder)/\(names.name(for: file)).png"
      let sheet = ExplanationSheet(
        title: (file as NSString).lastPathComponent, explanation, nameOfClass: prediction.name)
      try sheet.rendered().writePNG(to: page)
      if json {
        print(try jsonText(ExplanationReport(file, explanation, prediction, page: page)))
      } else {
        let probabilities = explanation.probabilities
        let ranking = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
        print("\(line(file, probabilities, ranking, prediction)); drawn in \(page)")
      }
    }
  }

  private func item(_ answer: Prediction.Answer, _ prediction: Prediction) -> LabelledPictures.Item {
    let picture = answer.picture, best = answer.ranking[0]
    return LabelledPictures.Item(
      image: PixelImage(
        width: picture.width, height: picture.height, channels: picture.channels, pixels: picture.pixels),
      predicted: prediction.name(best), probability: answer.probabilities[best])
  }

  private func line(
    _ file: String, _ probabilities: [Double], _ ranking: [Int], _ prediction: Prediction
  ) -> String {
    let classes = ranking.prefix(top).map {
      "\(prediction.name($0)) \(String(format: "%.1f", 100 * probabilities[$0])) %"
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

/// File names for pages, one for each picture: pictures of one name from several folders get numbers.
struct PictureNames {
  private var used: Set<String> = []

  /// The picture's name without its ending, with `-2`, `-3`, … where that is taken.
  mutating func name(for file: String) -> String {
    let name = ((file as NSString).lastPathComponent as NSString).deletingPathExtension
    var candidate = name, number = 1
    while !used.insert(candidate).inserted {
      number += 1
      candidate = "\(name)-\(number)"
    }
    return candidate
  }
}
