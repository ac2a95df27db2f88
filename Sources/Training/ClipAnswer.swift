import Compute
import Datasets
import Foundation
import Graphs

extension NetworkRunners {
  /// What a classifier says of a picture, or of the frames of a clip: the mean of the logits over the frames.
  /// - Throws: `TransformError` when a picture does not suit the pipeline.
  func answer(_ pictures: [Image], _ pipeline: TransformPipeline) throws -> [Float] {
    let runner = try runner(.inference, batch: pictures.count)
    try pipeline.write(pictures, to: runner.input("images"))
    for frame in pictures.indices {
      runner.input("labels")[frame] = 0
      runner.input("weights")[frame] = 1
    }
    try runner.forward(random: RandomKey(0))
    return meanLogits(logitsOfFrames(runner.output("logits").array, frames: pictures.count))
  }
}

extension TransformPipeline {
  /// Writes one picture after the other, as they are shown to a network in evaluation.
  func write(_ pictures: [Image], to images: TensorView) throws {
    for (frame, picture) in pictures.enumerated() {
      try write(picture, key: RandomKey(0), to: images.pointer + frame * (images.count / pictures.count))
    }
  }
}

extension ImageDataset {
  /// Clips of `frames` samples, or single ones, spread over the set: `limit` at most. Those of which a sample cannot be
  /// read are left out.
  /// - Returns: the place of each among those asked for, its first sample's number, and its samples.
  func spreadClips(_ limit: Int, frames: Int, minimumSide: Int?) -> some Sequence<(place: Int, first: Int, samples: [Sample])> {
    let clips = count / frames, shown = min(limit, clips)
    return (0..<shown).lazy.compactMap { place in
      let first = place * clips / shown * frames
      let samples = (first..<first + frames).compactMap { try? sample(at: $0, minimumSide: minimumSide) }
      return samples.count == frames ? (place, first, samples) : nil
    }
  }
}

/// The logits `[frames, classes]`, frame by frame.
func logitsOfFrames(_ logits: [Float], frames: Int) -> [[Float]] {
  let classes = logits.count / frames
  return (0..<frames).map { Array(logits[$0 * classes..<($0 + 1) * classes]) }
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
