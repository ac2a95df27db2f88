import Compute
import Datasets
import Graphs
import Layers

/// What a network is trained for: which targets it is given, what its loss is, and by which figures it is judged.
///
/// A loss is a pair (sum, weight): the graph computes the sum over this replica's samples, and the division by the
/// weight over all replicas happens once, as the gradient that the backward pass starts from. So 4 ranks of 8 samples,
/// 1 rank of 32 and 4 accumulated parts of 8 train alike.
public protocol TrainingTask: Sendable {
  /// The name in run files: `classification`.
  var name: String { get }

  /// Traces `network` on images `[N, H, W, C]` together with what the task adds: further inputs, the output `loss` (a
  /// sum), and in training the root `loss`.
  func trace(_ network: any Module, images: Shape, in trace: Trace)

  /// Copies a batch into the inputs of a run.
  func fill(_ runner: any Runner, from batch: Batch)

  /// What the batch's loss is a sum over: samples, positive anchors, valid pixels.
  func weight(of batch: Batch) -> Double

  /// Numbers that add up over batches and ranks, from a finished forward pass. Every one is a whole number, so that the
  /// total does not depend on the order of the sum.
  func tally(_ runner: any Runner, _ batch: Batch) -> [Double]

  /// Each sample's part of the loss, from a finished forward pass of the training: for a step that is looked into.
  /// Empty where the loss has no such parts; the default.
  func sampleLosses(_ runner: any Runner, _ batch: Batch) -> [Double]

  /// The same task for a training whose samples are mixed with each other and have two labels each; `nil`, the default,
  /// where there are no labels to mix.
  var onMixedLabels: (any TrainingTask)? { get }

  /// The figures that the added-up tallies stand for; the first is the deciding one.
  func metrics(from tally: [Double]) -> [Metric]

  /// The name of the figure that decides which checkpoint, and which network, is best.
  var decidingMetric: String { get }
}

extension TrainingTask {
  public func sampleLosses(_ runner: any Runner, _ batch: Batch) -> [Double] { [] }
  public var onMixedLabels: (any TrainingTask)? { nil }
}

/// A figure of an evaluation.
public struct Metric: Hashable, Sendable {
  /// As in `metrics.jsonl`: `top1`.
  public let name: String
  public let value: Double
  /// Whether more is better.
  public let isBetterHigher: Bool

  public init(_ name: String, _ value: Double, isBetterHigher: Bool) {
    self.name = name
    self.value = value
    self.isBetterHigher = isBetterHigher
  }
}
