import Compute
import Datasets
import Foundation
import Graphs

extension NetworkRunners {
  /// What a classifier says of a picture, or of the frames of a clip: the mean of the logits over the frames.
  /// - Throws: `TransformError` when a picture does not suit the pipeline.
  func answer(_ pictures: [Image], _ pipeline: TransformPipeline) throws -> [Float] {
    let runner = try runner(.inference, batch: pictures.count), images = runner.input("images")
    for (frame, picture) in pictures.enumerated() {
      try pipeline.write(picture, key: RandomKey(0), to: images.pointer + frame * (images.count / pictures.count))
      runner.input("labels")[frame] = 0
      runner.input("weights")[frame] = 1
    }
    try runner.forward(random: RandomKey(0))
    let logits = runner.output("logits").array, classes = logits.count / pictures.count
    return meanLogits(pictures.indices.map { Array(logits[$0 * classes..<($0 + 1) * classes]) })
  }
}

/// A clip's logits: the mean of those of its frames.
func meanLogits(_ frames: [[Float]]) -> [Float] {
  frames[0].indices.map { label in
    Float(frames.reduce(0.0) { $0 + Double($1[label]) } / Double(frames.count))
  }
}

/// The probabilities that logits stand for.
func softmax(_ logits: [Float]) -> [Double] {
  let largest = Double(logits.max() ?? 0), powers = logits.map { exp(Double($0) - largest) }
  let total = powers.reduce(0, +)
  return powers.map { $0 / total }
}
