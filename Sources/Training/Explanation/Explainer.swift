import Compute
import Datasets
import Graphs
import Layers
import Pictures

/// Runs a network under watch: what its modules marked as worth seeing is kept, and the gradient of one class's score
/// at the last feature map.
///
/// It has a plan of its own, with the rewrites left out that would fuse what is to be seen into its neighbours, on the
/// parameters of others. It changes neither these nor their gradients.
public final class Explainer {
  /// Pictures that are explained together: the frames of a clip where the network's modules look at time, else one.
  public let framesPerClip: Int
  private let runner: PlanRunner
  private let sightings: [Sighting]
  private let features: Sighting
  private let aspect: Double

  /// - Parameters:
  ///   - image: `[H, W, C]`.
  ///   - state: the parameters of the same network.
  /// - Throws: `TraceError` for shapes that do not fit, `ExplanationError` for a network that marks no features,
  ///   `ArenaError` when the memory is not to be had.
  public init(_ network: any Module, image: Shape, state: ModelState, team: WorkerTeam) throws {
    framesPerClip = network.framesPerClip(image: image)
    let trace = Trace(mode: .inference, isWatched: true)
    let logits = network(trace.input("images", Shape([framesPerClip] + image.array)))
    _ = try trace.finish()
    trace.output("logits", logits)
    trace.root("logits", logits)
    sightings = trace.sightings
    guard let features = sightings.last(where: { $0.sight == .features && $0.shape.rank == 4 }) else {
      throw ExplanationError()
    }
    self.features = features
    trace.wantGradient(ofOutput: features.output)
    aspect = Double(image[0]) / Double(image[1])
    let plan = Plan(
      try trace.finish(), workers: team.count, layout: state.layout,
      rewrites: [RemoveUnusedNodes(), ChooseConvolutionMethods()], recomputes: false)
    runner = PlanRunner(
      plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount, firstTouchedBy: team))
  }

  /// Explains the score of a class for one picture.
  /// - Parameter label: the class; the likeliest when `nil`.
  /// - Throws: `TransformError` when the picture does not suit the pipeline.
  public func explain(_ picture: Image, _ pipeline: TransformPipeline, label: Int? = nil) throws -> Explanation {
    try explain([picture], pipeline, label: label)
  }

  /// Explains the score of a class for the frames of one clip: the mean of its scores for the frames.
  /// - Parameters:
  ///   - pictures: `framesPerClip` of them.
  ///   - label: the class; the likeliest when `nil`.
  /// - Throws: `TransformError` when a picture does not suit the pipeline.
  public func explain(_ pictures: [Image], _ pipeline: TransformPipeline, label: Int? = nil) throws -> Explanation {
    precondition(pictures.count == framesPerClip, "\(pictures.count) pictures for \(framesPerClip) frames")
    let shown = try pictures.map { try pipeline.prepared($0, key: RandomKey(0)) }
    try pipeline.write(pictures, to: runner.input("images"))
    runner.forward(random: RandomKey(0))
    let all = runner.output("logits").array, logits = logitsOfFrames(all, frames: framesPerClip)
    let mean = meanLogits(logits), classes = mean.count
    let label = label ?? mean.indices.max { mean[$0] < mean[$1] } ?? 0
    precondition(mean.indices.contains(label), "class \(label) of \(classes)")
    let marks = sightings.map { ($0, view(of: $0)) }
    let observations = Observation.all(marks, aspect: aspect, frames: framesPerClip)
    runner.seed("logits").assign(all.indices.map { $0 % classes == label ? 1 / Float(framesPerClip) : 0 })
    runner.backward()
    let maps = GradCAM.maps(view(of: features), runner.outputGradient(features.output))
    return Explanation(
      label: label,
      frames: shown.indices.map { frame in
        Explanation.Frame(picture: PixelImage(shown[frame]), activation: maps[frame], logits: logits[frame])
      }, observations: observations)
  }

  private func view(of sighting: Sighting) -> TensorView { runner.output(sighting.output) }
}

/// A network without a feature map that could be looked at.
public struct ExplanationError: Error, Hashable, Sendable, CustomStringConvertible {
  package init() {}

  public var description: String {
    "this network marks no feature map as `seen(as: .features)`, so that nothing can be said of where it looks"
  }
}
