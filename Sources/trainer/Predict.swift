import ArgumentParser
import Compute
import Configuration
import Foundation
import Pictures
import Training

/// `trainer predict`: says what is on pictures, and draws them with their labels, or why the network says so.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Label pictures with a checkpoint or a file of weights, or explain the labels.",
    discussion: """
      Example: trainer predict --checkpoint runs/quickstart/checkpoints/latest photo.jpg --output labelled
      Example: trainer predict RUN.yaml data.root=DATA --checkpoint resnet50.pth photo.jpg

      A checkpoint says itself what its network and its classes are. For a file of weights the run file does, and its \
      data set has the names; with model.classes=N there need be none. What is found goes to the standard output; what \
      is drawn goes into the folder of --output: predictions.png, or with --explain a page for each picture, with \
      Grad-CAM, the modules' maps, gates and weights. Where the network looks at clips, as many pictures as a clip has \
      frames are one clip.
      """)

  @Option(help: "A checkpoint folder, or weights under the reference's names: safetensors, or .pth of PyTorch.")
  var checkpoint: String

  @Flag(help: "With the moving average of the weights, which a run with `optimizer.average` keeps.")
  var average = false

  @Option(help: "The folder for what is drawn.")
  var output = "predictions"

  @Option(help: "The classes listed for each picture.")
  var top = 3

  @Flag(help: "Draw for each picture where the network looks and what its attention modules do.")
  var explain = false

  @Option(name: .customLong("class"), help: "With --explain: the class to explain, in place of the likeliest.")
  var explainedClass: String?

  @Flag(help: "One JSON object a picture, with logits; with --explain also every map, gate and weight.")
  var json = false

  @Argument(
    help: """
      Pictures: JPEG or PNG. Before them, where one is needed, a run file (.yaml) and settings that win over it.
      """)
  var runAndPictures: [String]

  func validate() throws {
    if explainedClass != nil && !explain {
      throw ValidationError("--class goes with --explain: it says whose score is explained")
    }
    if ["png", "jpg", "jpeg"].contains((output as NSString).pathExtension.lowercased()) {
      throw ValidationError("--output: wanted a folder for what is drawn, found the picture '\(output)'")
    }
    if words.pictures.isEmpty { throw ValidationError("name the pictures to label: JPEG or PNG files") }
  }

  /// The run file with its settings, where one is given, and the pictures: no picture ends in .yaml, and a setting
  /// stands right behind a run file.
  private var words: (runAndSettings: [String], pictures: [String]) {
    guard let first = runAndPictures.first, first.hasSuffix(".yaml") || first.hasSuffix(".yml") else {
      return ([], runAndPictures)
    }
    let settings = runAndPictures.dropFirst().prefix {
      $0.contains("=") && !FileManager.default.fileExists(atPath: $0)
    }
    return ([first] + settings, Array(runAndPictures.dropFirst(1 + settings.count)))
  }

  func run() throws {
    try Job.start { job in
      let (runAndSettings, pictures) = words
      let file = runAndSettings.isEmpty ? nil : try job.runFile(runAndSettings)
      guard job.communicator.rank == 0 else { return .success }
      let prediction = try Prediction(
        checkpoint: checkpoint, runFile: file, isAveraged: average, threads: max(1, Processor.affinityCount),
        makeNetwork: makeNetwork)
      let label = try explainedClass.map { try prediction.label(named: $0) }
      do {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
      } catch {
        throw PictureError(path: output, reason: "the folder cannot be made")
      }
      if explain {
        try writeExplanations(prediction, of: pictures, label)
      } else {
        try writeLabels(prediction, of: pictures)
      }
      return .success
    }
  }

  private func writeLabels(_ prediction: Prediction, of pictures: [String]) throws {
    let sheet = output + "/predictions.png"
    var labelled: [LabelledPictures.Item] = []
    for files in try prediction.clips(of: pictures) {
      let answer = try prediction.answer(files: files)
      print(
        json
          ? try jsonText(PredictionReport(files, answer, prediction)) : line(files, answer.probabilities, prediction))
      labelled.append(item(answer, prediction))
    }
    try LabelledPictures(items: labelled).rendered().writePNG(to: sheet)
    if !json { print("drawn in \(sheet)") }
  }

  private func writeExplanations(_ prediction: Prediction, of pictures: [String], _ label: Int?) throws {
    var names = PictureNames()
    for files in try prediction.clips(of: pictures) {
      let explanation = try prediction.explanation(files: files, label: label)
      let page = "\(output)/\(names.name(for: files[0])).png"
      let first = (files[0] as NSString).lastPathComponent
      let sheet = ExplanationSheet(
        title: ExplanationSheet.name(ofClip: first, frames: files.count), explanation, nameOfClass: prediction.name)
      try sheet.rendered().writePNG(to: page)
      print(
        json
          ? try jsonText(ExplanationReport(files, explanation, prediction, page: page))
          : "\(line(files, explanation.probabilities, prediction)); drawn in \(page)")
    }
  }

  private func item(_ answer: Prediction.Answer, _ prediction: Prediction) -> LabelledPictures.Item {
    let best = answer.ranking[0]
    return LabelledPictures.Item(
      image: PixelImage(answer.picture), predicted: prediction.name(best), probability: answer.probabilities[best])
  }

  private func line(_ files: [String], _ probabilities: [Double], _ prediction: Prediction) -> String {
    let classes = Prediction.ranking(probabilities).prefix(top).map {
      "\(prediction.name($0)) \(String(format: "%.1f", 100 * probabilities[$0])) %"
    }
    let name = files.count > 1 ? "\(files[0]) and the \(files.count - 1) after it" : files[0]
    return "\(name): \(classes.joined(separator: ", "))"
  }
}

/// What `trainer predict --json` prints of a picture or clip.
struct PredictionReport: Encodable {
  /// Of a clip, that of its first frame.
  let file: String
  /// Of a clip, those of all its frames.
  let frames: [String]?
  /// The likeliest class.
  let `class`: String
  let label: Int
  let probability: Double
  let logits: [Float]

  init(_ files: [String], _ answer: Prediction.Answer, _ prediction: Prediction) {
    file = files[0]
    frames = files.count > 1 ? files : nil
    label = answer.ranking[0]
    `class` = prediction.name(label)
    probability = answer.probabilities[label]
    logits = answer.logits
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
