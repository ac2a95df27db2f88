import Communication
import Compute
import Datasets
import Optimizers
import Testing
import Training

/// The theorem of data-parallel training: one rank with the whole batch, and any number of ranks and replicas that
/// share it, make the same steps.
@Suite struct TheoremTests {
  /// The parameters, running statistics and losses after six steps of 32 samples, the third and sixth of 8.
  private static func train(
    _ network: SmallNetwork, ranks: Int, replicas: Int, threads: Int = 1, synchronizesNorms: Bool = false,
    rule: any Optimizer = StochasticGradientDescent(momentum: 0.9, isNesterov: true, weightDecay: 1e-3),
    clipping: Clipping = .norm(2)
  ) throws -> [Float] {
    let results = try InProcessWorld.run(size: ranks, deadline: .seconds(60)) { communicator in
      let assignment = try ReplicaAssignment(replicas: replicas, ranks: ranks, reduction: nil)
      let schedule = try BatchSchedule(sampleCount: 72, globalBatch: 32, replicas: replicas)
      let norms = synchronizesNorms ? ReplicaNorms() : nil
      let runners = try network.runners(batch: schedule.replicaBatch, threads: threads, replicaSums: norms)
      let update = try ParameterUpdate(
        rule, Schedule(peakRate: 0.05, curve: ConstantCurve(), runSteps: 6), clipping, average: nil,
        decaysEverything: false, layerDecay: LayerDecay(0.9), state: runners.state, team: runners.team)
      let queue = ReductionQueue(communicator, reducing: assignment.reduction)
      norms?.queue = queue
      defer { queue.close() }
      let loader = BatchLoader(
        Scenes(count: 72, side: 16, seed: 0, split: .training),
        try TransformPipeline([], normalization: .half, channels: 3, nativeSize: ImageSize(side: 16)),
        BatchSequence(
          schedule, replicas: assignment.range(rank: communicator.rank), seed: 5, isShuffled: true, endEpoch: 2),
        LoaderSettings(batchesAhead: 2 * assignment.perRank))
      defer { loader.shutdown() }
      let gradients = try GradientStep(runners, queue: queue, replicas: assignment.perRank, key: RandomKey(5))
      var losses: [Float] = []
      for step in 0..<6 {
        let batches = try (0..<assignment.perRank).map { _ in try loader.next()! }
        let samples = schedule.sampleCount(inStep: step % 3)
        #expect(samples == (step % 3 == 2 ? 8 : 32))
        let outcome = try gradients.run(batches, step: step, samples: samples, isStopRequested: step == 4 && ranks == 4)
        #expect(outcome.isStopping == (step == 4 && ranks == 4), "all ranks agree on a stop")
        losses.append(Float(outcome.loss))
        try update.apply(step: step)
      }
      return runners.state.values.array + losses
    }
    #expect(results.allSatisfy { $0 == results[0] }, "every rank holds the same parameters")
    return results[0]
  }

  @Test(arguments: [(1, 4), (2, 2), (2, 4), (4, 4)])
  func `Without batch norm, ranks x batch equals one rank x whole batch`(ranks: Int, replicas: Int) throws {
    let whole = try Self.train(SmallNetwork(), ranks: 1, replicas: 1)
    let shared = try Self.train(SmallNetwork(), ranks: ranks, replicas: replicas)
    let worst = zip(whole, shared).map { abs($0 - $1) }.max()!
    #expect(worst < 1e-6, "\(ranks) ranks, \(replicas) replicas: \(worst)")
    let untrained = try SmallNetwork().runners(batch: 1)
    withExtendedLifetime(untrained) {
      let start = untrained.state.values.array
      #expect(zip(whole, start).contains { abs($0 - $1) > 1e-2 }, "the steps were steps")
    }
  }

  @Test func `An update replaces statistics, and no constant`() throws {
    let runners = try SmallNetwork(hasNorm: true).runners(batch: 4)
    let state = runners.state
    let update = try ParameterUpdate(
      StochasticGradientDescent(), Schedule(peakRate: 0.05, curve: ConstantCurve(), runSteps: 6), .none, average: nil,
      decaysEverything: false, state: state, team: runners.team)
    try withExtendedLifetime(runners) {
      state.gradients.assign([Float](repeating: 0.25, count: state.gradients.count))
      try update.apply(step: 0)
      #expect(state.view("scale")!.array == SmallNetwork.scale)
      #expect(state.view("bn1.running_mean")!.array == [Float](repeating: 0.25, count: 8))
    }
  }

  @Test(arguments: [2, 4])
  func `With synchronised batch norm, ranks x batch equals one rank x whole batch`(ranks: Int) throws {
    let network = SmallNetwork(hasNorm: true)
    let whole = try Self.train(network, ranks: 1, replicas: 1)
    let shared = try Self.train(network, ranks: ranks, replicas: ranks, synchronizesNorms: true)
    let apart = try Self.train(network, ranks: ranks, replicas: ranks)
    func worst(_ found: [Float]) -> Float { zip(whole, found).map { abs($0 - $1) }.max()! }
    #expect(worst(shared) < 1e-5, "\(worst(shared))")
    #expect(worst(apart) > 1e-3, "statistics of a replica's own are another network: \(worst(apart))")
  }

  @Test func `With batch norm, four replicas give the same bits on 1, 2 and 4 ranks and with 1 or 2 threads`() throws {
    let network = SmallNetwork(hasNorm: true)
    let wanted = try Self.train(network, ranks: 1, replicas: 4).dropLast(6)
    for (ranks, threads) in [(1, 2), (2, 1), (2, 2), (4, 1)] {
      let found = try Self.train(network, ranks: ranks, replicas: 4, threads: threads).dropLast(6)
      #expect(wanted.elementsEqual(found), "\(ranks) ranks, \(threads) threads")
    }
    let whole = try Self.train(network, ranks: 1, replicas: 1).dropLast(6)
    #expect(!whole.elementsEqual(wanted), "statistics belong to a replica: another number of them is another network")
  }

  static let rules: [(any Optimizer, Clipping)] = [
    (LAMB(), .norm(2)), (LARS(momentum: 0.9, weightDecay: 1e-3, trustCoefficient: 0.1), .none),
    (StochasticGradientDescent(momentum: 0.9), .adaptive(0.01)),
  ]

  @Test(arguments: rules.indices)
  func `Norms of tensors and units give the same bits on 1, 2 and 4 ranks and 1 or 2 threads`(_ index: Int) throws {
    let (rule, clipping) = Self.rules[index]
    func train(_ ranks: Int, _ threads: Int) throws -> [Float] {
      try Self.train(
        SmallNetwork(hasNorm: true), ranks: ranks, replicas: 4, threads: threads, rule: rule, clipping: clipping)
    }
    // The last six are losses, which are added up in another order.
    let wanted = try train(1, 1).dropLast(6)
    for (ranks, threads) in [(1, 2), (2, 1), (2, 2), (4, 1)] {
      #expect(try train(ranks, threads).dropLast(6).elementsEqual(wanted), "\(ranks) ranks, \(threads) threads")
    }
    let other = try Self.train(SmallNetwork(hasNorm: true), ranks: 1, replicas: 4).dropLast(6)
    #expect(!wanted.elementsEqual(other), "they do something")
  }
}
