import Communication
import Compute
import Datasets
import Foundation
import Graphs
import Safetensors

/// Looks at every step between its gradients and its update, and keeps those that somebody will want to see again: one
/// that is not finite, a spike of the loss, and the one that `run.capture_step` asks for.
///
/// At that moment the parameters are still those that the step was computed with. Every rank has one: whether a step is
/// kept follows from numbers that are alike on all of them, and all then bring their inputs to rank 0.
final class CapsuleRecorder {
  /// Capsules in a run's folder beyond which a spike leaves none: a run that goes bad must not fill the disk.
  static let mostForSpikes = 3
  /// For a capsule: a rank may have to wait until all others have sent theirs, and the disk has taken them.
  private static let deadline = Duration.seconds(1800)

  private let runners: NetworkRunners
  private let update: ParameterUpdate
  private let queue: ReductionQueue
  private let assignment: ReplicaAssignment
  private let experiment: Experiment
  private let folder: String
  private let build: String
  private let log: RunLog?
  private var history = StepHistory()
  /// Whether a spike may still leave a capsule; alike on every rank.
  private var keepsSpikes = true

  init(
    _ runners: NetworkRunners, _ update: ParameterUpdate, _ queue: ReductionQueue, _ assignment: ReplicaAssignment,
    _ experiment: Experiment, runFolder: String, build: String, log: RunLog?
  ) {
    self.runners = runners
    self.update = update
    self.queue = queue
    self.assignment = assignment
    self.experiment = experiment
    folder = runFolder + "/capsules"
    self.build = build
    self.log = log
    // What a kill in the middle of a capsule left behind.
    if queue.rank == 0 { PendingFolder.clean(folder) }
  }

  /// Judges the step with number `step`, counted from 0, whose summed gradients are in the model's block. Collective.
  /// - Parameters:
  ///   - batches: those of this rank.
  ///   - samples: over all ranks.
  ///   - isLocal: whether the gradients are this rank's own.
  /// - Returns: the gradients' norm.
  /// - Throws: `LossError` for a step that must not be applied.
  func examine(
    _ outcome: GradientStep.Outcome, of batches: [Batch], step: Int, samples: Int, isLocal: Bool
  ) throws -> Double {
    var (norm, hasFiniteStatistics) = try update.examineGradients(over: queue)
    let ownNorm = norm
    if isLocal { (norm, hasFiniteStatistics) = try joint(norm, hasFiniteStatistics) }
    let result = StepOutcome(
      step: step + 1, loss: outcome.loss, gradientNorm: norm, learningRate: update.rate(step: step))
    if let fault = try fault(result, hasFiniteStatistics) {
      let info = try describe(result, .notFinite, LossError.subject(fault, result), samples)
      let replicas = try replicasNotFinite(batches, outcome.replicaLosses)
      throw LossError(
        fault: fault, outcome: result, before: history.steps.suffix(3), replicas: replicas,
        perRank: assignment.perRank, capsule: try keep(info, batches, outcome.replicaLosses))
    }
    let settings = experiment.settings
    if settings.captureStep == result.step {
      let info = try describe(result, .asked, "run.capture_step asks for it", samples)
      announce(try keep(info, batches, outcome.replicaLosses), info)
    } else if keepsSpikes, let times = history.spike(result.loss, factor: settings.captureSpikes) {
      let text = NumberText.significant(result.loss, digits: 4), ratio = NumberText.fixed(times, decimals: 1)
      let info = try describe(
        result, .spike, "the loss is \(text), \(ratio) times the median of the \(history.steps.count) before", samples)
      let capsule = try keep(info, batches, outcome.replicaLosses)
      if case .failed = capsule { keepsSpikes = false }
      announce(capsule, info)
    }
    history.add(result)
    return ownNorm
  }

  /// The worst of what each rank found in gradients of its own: what follows from it must be alike on all.
  private func joint(_ norm: Double, _ hasFiniteStatistics: Bool) throws -> (norm: Double, hasFiniteStatistics: Bool) {
    let own = [norm * norm, hasFiniteStatistics ? 0 : 1]
    let sums = try queue.run("norms of gradients") { try $0.allReduce("norms of gradients", own, .sum) }
    return (sums[0].squareRoot(), sums[1] == 0)
  }

  /// What must not become parameters. Alike on every rank.
  private func fault(_ result: StepOutcome, _ hasFiniteStatistics: Bool) throws -> LossError.Fault? {
    guard result.loss.isFinite else { return .loss }
    if result.gradientNorm.isFinite && hasFiniteStatistics { return nil }
    try update.gatherGradients(over: queue)
    let state = runners.state, statistics = state.layout.statisticsRange
    func isFinite(_ range: Range<Int>) -> Bool { range.allSatisfy { state.gradients[$0].isFinite } }
    // Where gradients are a rank's own, another one may hold what is not finite.
    func first(_ entries: [StateLayout.Entry]) throws -> String {
      let own = Array((entries.first { !isFinite($0.range) }?.path ?? "").utf8)
      let all = try queue.run("what is not finite") { try $0.allGather("what is not finite", own) }
      return all.first { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) } ?? "an unknown layer"
    }
    if !result.gradientNorm.isFinite { return .gradient(path: try first(state.layout.parameters)) }
    return .statistic(path: try first(state.layout.buffers.filter { statistics.contains($0.range.lowerBound) }))
  }

  /// The replicas, of all ranks, whose loss is not finite. Collective.
  private func replicasNotFinite(_ batches: [Batch], _ losses: [Double]) throws -> [Int] {
    let own = zip(batches, losses).filter { !$1.isFinite }.map { "\($0.0.address.replica)" }
    let bytes = Array(own.joined(separator: " ").utf8)
    return try queue.run("replicas not finite") { try $0.allGather("replicas not finite", bytes) }
      .flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").compactMap { Int($0) } }
  }

  private func describe(
    _ outcome: StepOutcome, _ reason: CapsuleInfo.Reason, _ remark: String, _ samples: Int
  ) throws -> CapsuleInfo {
    try update.gatherGradients(over: queue)
    var info = CapsuleInfo(
      reason: reason, remark: remark, step: outcome.step, seed: experiment.settings.seed, ranks: assignment.ranks,
      globalBatch: experiment.settings.globalBatch, samples: samples,
      isExact: assignment.reduction == .tree && experiment.settings.syncEvery == 1,
      image: experiment.trainingPipeline.outputShape.array, classNames: experiment.training.classNames,
      runFile: experiment.file.resolvedYAML(), build: build, outcome: outcome,
      gradientChecksum: queue.rank == 0 ? runners.state.gradientChecksum : 0, history: history.steps)
    info.convolutions = runners.convolutions
    return info
  }

  /// Brings everything to rank 0, which writes it. Returns when it is on the disk, on every rank, so that none ends the
  /// job before.
  private func keep(_ info: CapsuleInfo, _ batches: [Batch], _ losses: [Double]) throws -> LossError.Capsule {
    queue.whereabouts.enter("capsule")
    let place = folder + "/" + CheckpointStore.name(step: info.step)
    return try queue.run("capsule", deadline: Self.deadline) { [self] communicator in
      let writer = Result { communicator.rank == 0 ? try open(place, info) : nil }
      func agreed(_ failure: (any Error)?) throws -> String {
        let own = failure.map { "\($0)" } ?? ""
        return String(decoding: try communicator.broadcast("capsule", Array(own.utf8)), as: UTF8.self)
      }
      var refusal: (any Error)?
      if case .failure(let error) = writer { refusal = error }
      let obstacle = try agreed(refusal)
      guard obstacle.isEmpty else { return .failed(reason: obstacle) }
      let own = try writer.get()
      try ReplicaInputs.gather(batches, losses: losses, assignment, over: communicator) { own?.add($0) }
      own?.finish(runners.state)
      let failure = try agreed(own?.failure)
      return failure.isEmpty ? .kept(path: place) : .failed(reason: failure)
    }
  }

  private func open(_ place: String, _ info: CapsuleInfo) throws -> CapsuleWriter {
    if info.reason == .spike {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      let kept = names.filter { $0.hasPrefix("step-") }
      if kept.count >= Self.mostForSpikes { throw CapsuleLimit(folder: folder, count: kept.count) }
    }
    return try CapsuleWriter(place, info, nameOfSample: experiment.training.name(of:))
  }

  private func announce(_ capsule: LossError.Capsule, _ info: CapsuleInfo) {
    switch capsule {
    case .kept(let path): log?.announce("step \(info.step): \(info.remark): `trainer replay \(path)` runs it again")
    case .failed(let reason):
      log?.warn("step \(info.step): \(info.remark), and it is not kept for a replay: \(reason)")
    }
  }
}

/// A spike for which there is no capsule left.
private struct CapsuleLimit: Error, CustomStringConvertible {
  let folder: String
  let count: Int
  var description: String { "\(folder) holds \(count) already" }
}

extension ModelState {
  /// The CRC-32 of all gradients and new running statistics.
  var gradientChecksum: UInt32 {
    var checksum = Checksum()
    for range in [layout.statisticsRange, layout.parameterRange] {
      let part = UnsafeBufferPointer(start: gradients.pointer + range.lowerBound, count: range.count)
      checksum.add(UnsafeRawBufferPointer(part))
    }
    return checksum.value
  }
}
