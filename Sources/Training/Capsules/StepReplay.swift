import Communication
import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Layers
import Tasks

/// Runs a stored step again: one process, every replica forwards and backwards through the interpreter, every value
/// looked at. Nothing of the run is needed but the capsule.
public struct StepReplay {
  /// The samples with the largest losses that are listed.
  public static let worstListed = 5

  private let capsule: CapsuleReader
  private let settings: RunSettings
  private let model: ExperimentModel
  private let threads: Int

  /// - Parameter threads: 0 for as many as this process has processors; the numbers do not depend on it.
  /// - Throws: `ConfigError` for a run file that this program does not understand.
  public init(_ capsule: CapsuleReader, threads: Int = 0, makeNetwork: Experiment.MakeNetwork) throws {
    self.capsule = capsule
    self.threads = threads
    let file = try RunFile(text: capsule.info.runFile, file: capsule.path + "/" + CapsuleInfo.textFile)
    settings = try RunSettings(file)
    let info = capsule.info
    model = try ExperimentModel(file, classesOfData: info.classNames.count, makeNetwork: makeNetwork)
    if model.synchronizesNorms && info.replicas.count > 1 {
      throw CheckpointError(
        path: capsule.path,
        reason: "is a step whose \(info.replicas.count) replicas share the statistics of their norms in the middle of a "
          + "pass: one process runs one replica after the other, and cannot replay it")
    }
  }

  /// Runs the step.
  /// - Throws: `CheckpointError`, `SafetensorsError` or `WeightError` for a capsule that does not fit its network.
  public func run() throws -> ReplayResult {
    let info = capsule.info, communicator = SoloCommunicator()
    // Also for how it treats denormals, as the ranks did.
    let threads = try RankThreads(over: communicator, threads: threads, loaders: 0)
    defer { threads.restore() }
    let runners = try NetworkRunners(
      model.network, model.task, batch: max(info.globalBatch / max(info.replicas.count, 1), 1),
      image: Shape(info.image), team: threads.team, key: RandomKey(info.seed).appending("parameters"),
      memoryBudget: .unlimited,
      disabledRewrites: settings.disabledRewrites, convolutions: info.convolutions, isInterpreted: true)
    try capsule.restore(runners.state)
    let queue = ReductionQueue(communicator)
    defer { queue.close() }
    let gradients = try GradientStep(
      runners, queue: queue, replicas: info.replicas.count, key: RandomKey(info.seed).appending("step"))
    let observer = ReplayObserver(runners, gradients, info)
    runners.observer = observer.observe
    defer { runners.observer = nil }
    let batches = try info.replicas.indices.map(capsule.batch)
    batches.forEach(observer.observe)
    let outcome = try gradients.run(batches, step: info.step - 1, samples: info.samples, isStopRequested: false)
    return result(outcome, observer.sightings, runners)
  }

  private func result(
    _ outcome: GradientStep.Outcome, _ sightings: [ReplayObserver.Sighting], _ runners: NetworkRunners
  ) -> ReplayResult {
    let info = capsule.info, state = runners.state
    let replicas = info.replicas.indices.map { number in
      ReplayResult.Replica(
        samples: info.replicas[number].indices.count, rank: number / info.perRank,
        loss: outcome.replicaLosses[number], recorded: info.replicas[number].loss, isBad: sightings[number].bad != nil)
    }
    let bad = sightings.filter { $0.bad != nil }.min { $0.position < $1.position }
    let layout = state.layout
    let statistics = layout.buffers.filter { layout.statisticsRange.contains($0.range.lowerBound) }
    func firstBad(in block: TensorView) -> String? {
      (layout.parameters + statistics).first { !$0.range.allSatisfy { block[$0].isFinite } }?.path
    }
    let overflow = bad == nil ? firstBad(in: state.gradients) : nil
    let norm = layout.parameterRange.reduce(0.0) { $0 + Double(state.gradients[$1]) * Double(state.gradients[$1]) }
    let isComparable = info.isExact && bad == nil && overflow == nil
    return ReplayResult(
      info: info, replicas: replicas, loss: outcome.loss, gradientNorm: norm.squareRoot(), badValue: bad?.bad,
      trail: bad?.trail ?? [], badWeight: firstBad(in: state.values), overflow: overflow,
      largest: sightings.compactMap(\.largest).max { $0.largest < $1.largest }, worst: worst(sightings),
      gradientsAreAsRecorded: isComparable ? state.gradientChecksum == info.gradientChecksum : nil)
  }

  private func worst(_ sightings: [ReplayObserver.Sighting]) -> [(sample: ReplayResult.Sample, loss: Double)] {
    let all = sightings.enumerated().flatMap { replica, sighting in
      sighting.sampleLosses.enumerated().map { position, loss in
        let part = capsule.info.replicas[replica]
        return (
          sample: ReplayResult.Sample(
            replica: replica, position: position, index: part.indices[position], name: part.names[position]),
          loss: loss
        )
      }
    }
    func rank(_ loss: Double) -> Double { loss.isNaN ? .infinity : loss }
    return Array(all.sorted { rank($0.loss) > rank($1.loss) }.prefix(Self.worstListed))
  }
}
