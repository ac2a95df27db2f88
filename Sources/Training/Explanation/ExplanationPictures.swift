import Datasets
import Foundation

/// A few evaluation pictures, or clips where the network looks at time, explained after every evaluation:
/// `pictures/explanation-1.png` and so on, which the next evaluation replaces, and TensorBoard images, which stay.
final class ExplanationPictures {
  private let dataset: any ImageDataset
  private let pipeline: TransformPipeline
  private let count: Int
  private let runners: NetworkRunners
  /// Made at the first evaluation; `nil` also where that has failed.
  private lazy var explainer = Result {
    try Explainer(runners.network, image: pipeline.outputShape, state: runners.state, team: runners.team)
  }
  private var hasFailed = false

  /// - Parameter count: pictures, spread over the set.
  init(_ evaluation: Evaluation, _ runners: NetworkRunners, count: Int) {
    dataset = evaluation.dataset
    pipeline = evaluation.pipeline
    self.runners = runners
    self.count = min(count, dataset.count)
  }

  /// Explains the network as it stands. Pictures that cannot be read are left out; a network that cannot be explained
  /// is said once.
  /// - Throws: `ReportingError` when the disk refuses an event.
  func write(to log: RunLog, step: Int) throws {
    guard count > 0, !hasFailed else { return }
    let explainer: Explainer
    switch self.explainer {
    case .success(let made): explainer = made
    case .failure(let error):
      hasFailed = true
      return log.warn("run.explain: \(error)")
    }
    let frames = explainer.framesPerClip
    let clips = dataset.spreadClips(count, frames: frames, minimumSide: pipeline.minimumSide)
    for (place, first, samples) in clips {
      guard let explanation = try? explainer.explain(samples.map(\.image), pipeline) else { continue }
      let names = dataset.classNames
      let sheet = ExplanationSheet(
        title: "\(ExplanationSheet.name(ofClip: dataset.name(of: first), frames: frames)), step \(step)",
        explanation, truth: samples[0].label,
        nameOfClass: { names.indices.contains($0) ? names[$0] : "class \($0)" })
      try log.picture(sheet.rendered(scale: 1), group: "explanation", name: "explanation-\(place + 1)", step: step)
    }
  }
}
