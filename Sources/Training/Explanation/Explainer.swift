import Compute
import Datasets
import Foundation
import Graphs
import Layers
import Pictures

/// Why a network says what it says of one picture.
public struct Explanation: Sendable {
  /// The class whose score is explained.
  public let label: Int
  public let logits: [Float]
  /// The picture as the network is shown it, before it is normalised.
  public let picture: PixelImage
  /// Where the last feature map speaks for the class: Grad-CAM, at that map's size, from 0 up.
  public let activation: HeatMap
  /// What the attention modules did, in the order of the network.
  public let observations: [Observation]

  package init(
    label: Int, logits: [Float], picture: PixelImage, activation: HeatMap, observations: [Observation]
  ) {
    self.label = label
    self.logits = logits
    self.picture = picture
    self.activation = activation
    self.observations = observations
  }

  /// The softmax of the logits.
  public var probabilities: [Double] {
    let largest = Double(logits.max() ?? 0), powers = logits.map { exp(Double($0) - largest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }
}

/// Runs a network under watch: what its modules marked as worth seeing is kept, and the gradient of one class's score
/// at the last feature map.
///
/// It has a plan of its own, with the rewrites left out that would fuse what is to be seen into its neighbours, on the
/// parameters of others. It changes neither these nor their gradients.
public final class Explainer {
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
    let trace = Trace(mode: .inference, isWatched: true)
    let logits = network(trace.input("images", Shape([1] + image.array)))
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
    let shown = try pipeline.prepared(picture, key: RandomKey(0))
    try pipeline.write(picture, key: RandomKey(0), to: runner.input("images").pointer)
    runner.forward(random: RandomKey(0))
    let logits = runner.output("logits").array
    let label = label ?? logits.indices.max { logits[$0] < logits[$1] } ?? 0
    precondition(logits.indices.contains(label), "class \(label) of \(logits.count)")
    let marks = sightings.map { ($0, view(of: $0)) }
    let observations = Observation.all(marks, aspect: aspect)
    runner.seed("logits").assign(logits.indices.map { $0 == label ? 1 : 0 })
    runner.backward()
    return Explanation(
      label: label, logits: logits,
      picture: PixelImage(width: shown.width, height: shown.height, channels: shown.channels, pixels: shown.pixels),
      activation: GradCAM.map(view(of: features), runner.outputGradient(features.output)), observations: observations)
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
