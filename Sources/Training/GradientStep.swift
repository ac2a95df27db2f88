import Communication
import Compute
import Datasets
import Foundation
import Graphs
import Tasks

/// One step's gradients: every replica of this rank forwards and backwards, the sum over all replicas while that goes
/// on.
package final class GradientStep {
  private let runners: NetworkRunners
  private let queue: ReductionQueue
  private let sum: ReplicaSum
  private let key: RandomKey
  private let buckets: [Range<Int>]
  private let figures = Figures("loss weight")
  /// Where each pass is noted, for a run that is traced.
  var trace: StepTrace?
  /// The batch of the replica that is running, for whoever watches the runners.
  private(set) var running: Batch?

  /// What a step tells, alike on every rank.
  package struct Outcome {
    /// The loss over all samples of the step.
    package let loss: Double
    /// Whether some rank was asked to stop.
    package let isStopping: Bool
    /// Seconds that this rank computed, and that it waited for the sums.
    package let computeSeconds: Double
    package let exposedSeconds: Double
    /// The loss of each of this rank's replicas, a sum over its samples: not alike on every rank.
    package let replicaLosses: [Double]
  }

  package init(
    _ runners: NetworkRunners, queue: ReductionQueue, replicas: Int, key: RandomKey,
    exchange: GradientExchange = GradientExchange()
  ) throws {
    self.runners = runners
    self.queue = queue
    self.key = key
    buckets = runners.mainPlan.buckets
    sum = try ReplicaSum(runners.state.gradients, buckets: buckets, replicas: replicas, queue: queue, exchange: exchange)
  }

  /// Leaves the sum over all replicas, divided by the weight of all samples, in the model's gradient block.
  /// - Parameter isLocal: whether it is the sum over this rank's replicas and samples alone.
  package func run(
    _ batches: [Batch], step: Int, samples: Int, isStopRequested: Bool, isLocal: Bool = false
  ) throws -> Outcome {
    let waitedBefore = queue.exposedDuration, start = now()
    let weight = batches.reduce(0) { $0 + runners.task.weight(of: $1) }
    let samples = isLocal ? max(batches.reduce(0) { $0 + $1.count }, 1) : samples
    figures.values = [weight]
    sum.isLocal = isLocal
    let weighed = isLocal ? nil : queue.perform(figures.name, figures.add)
    let losses = try batches.map { try forwardAndBackward($0, step: step, samples: samples, weight: weighed) }
    let own = Figures("loss")
    own.values = [losses.reduce(0, +), isStopRequested ? 1 : 0, weight]
    queue.perform(own.name, own.add)
    queue.whereabouts.enter("sums of gradients", step: step + 1)
    trace?.enter("exposed communication")
    try sum.finish()
    let exposed = (queue.exposedDuration - waitedBefore) / .seconds(1)
    return Outcome(
      loss: own.values[0] / Swift.max(own.values[2], 1), isStopping: own.values[1] > 0,
      computeSeconds: Double(now() - start) * 1e-9 - exposed, exposedSeconds: exposed, replicaLosses: losses)
  }

  private func forwardAndBackward(
    _ batch: Batch, step: Int, samples: Int, weight: ReductionQueue.Ticket?
  ) throws -> Double {
    guard batch.count > 0 else {
      runners.state.gradients.pointer.update(repeating: 0, count: runners.state.gradients.count)
      if sum.isLast { buckets.indices.forEach(sum.closeBucket) } else { sum.addReplica() }
      return 0
    }
    running = batch
    defer { running = nil }
    let runner = try runners.runner(.training, batch: batch.count)
    runners.task.fill(runner, from: batch)
    queue.whereabouts.enter("forward", step: step + 1)
    try runner.forward(random: key.appending(step).appending(batch.address.replica))
    scaleStatistics(by: Float(batch.count) / Float(samples))
    if let weight { try queue.wait(weight) }
    queue.whereabouts.enter("backward", step: step + 1)
    runner.seed("loss")[0] = Float(1 / Swift.max(figures.values[0], 1))
    let loss = Double(runner.output("loss")[0])
    if sum.isLast {
      try runner.backward { [sum] in sum.closeBucket($0) }
    } else {
      try runner.backward(bucketReady: nil)
      sum.addReplica()
    }
    if let trace, let runner = runner as? PlanRunner { trace.add(runner) }
    return loss
  }

  /// The new running statistics travel with the gradients: each replica's part of their mean.
  private func scaleStatistics(by share: Float) {
    let block = runners.state.gradients.pointer
    for index in runners.state.layout.bufferRange { block[index] *= share }
  }

  /// A few numbers that are added up over the ranks.
  private final class Figures: @unchecked Sendable {
    let name: String
    var values: [Double] = []
    init(_ name: String) { self.name = name }
    func add(_ communicator: any Communicator) throws { values = try communicator.allReduce(name, values, .sum) }
  }
}
