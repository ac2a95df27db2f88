import Communication
import Compute
import Configuration
import Graphs
import Optimizers
import Tasks

/// What becomes of summed gradients: clipping, the update rule, the running statistics, the moving average.
public final class ParameterUpdate {
  public let optimizer: any Optimizer
  public let schedule: Schedule
  public let clipping: Clipping
  public let average: MovingAverage?
  /// What the evaluations so far have made of the rate, where the schedule is a plateau.
  public internal(set) var plateau: Plateau.State?
  let state: ModelState
  let team: WorkerTeam
  private let layout: ParameterLayout
  private let norm: GradientNorm
  let tensorNorms: TensorNorms?
  let adaptiveClipping: AdaptiveClipping?
  let shards: OptimizerShards?
  private let shardedNorm: ShardedNorm?
  private let memory: [Arena]
  /// The blocks beside the parameters, by the names under which checkpoints keep them: the rule's moments, then `ema`.
  /// Where the ranks share them out, a moment holds this rank's elements alone, one after the other.
  private let blocks: [StateBlock]

  /// - Parameter decaysEverything: whether weight decay applies to norms and biases too, as in the oldest recipes.
  public init(
    _ optimizer: any Optimizer, _ schedule: Schedule, _ clipping: Clipping, average: MovingAverage?,
    decaysEverything: Bool, layerDecay: LayerDecay? = nil, state: ModelState, team: WorkerTeam, ranks: Int = 1,
    shards: OptimizerShards? = nil
  ) throws {
    self.shards = shards
    self.optimizer = optimizer
    self.schedule = schedule
    self.clipping = clipping
    self.average = average
    self.state = state
    self.team = team
    layout = ParameterLayout(state, decaysEverything: decaysEverything, layerDecay: layerDecay)
    plateau = schedule.plateau.map { _ in Plateau.State() }
    norm = GradientNorm(layout)
    let cuts = shards?.cuts ?? []
    tensorNorms = optimizer.takesTensorNorms ? TensorNorms(layout, own: shards?.own, cuts: cuts) : nil
    if case .adaptive(let factor) = clipping {
      adaptiveClipping = AdaptiveClipping(layout, factor: factor, own: shards?.own, cuts: cuts)
    } else {
      adaptiveClipping = nil
    }
    shardedNorm = try shards.map { [norm] in try ShardedNorm(norm, $0, ranks: ranks) }
    let names = optimizer.stateBlocks + (average == nil ? [] : [StateBlock.averageName])
    let shapes = names.map { name -> Shape in
      if let shards, name != StateBlock.averageName { [shards.count] } else { state.values.shape }
    }
    let memory = try shapes.map { try Arena(byteCount: $0.byteCount, firstTouchedBy: team) }
    self.memory = memory
    blocks = names.indices.map {
      StateBlock(names[$0], memory[$0].view(at: 0, shapes[$0]), hasStatistics: names[$0] == StateBlock.averageName)
    }
    startAverage()
  }

  /// The average starts at the parameters.
  public func startAverage() {
    averageBlock?.pointer.update(from: state.values.pointer, count: state.values.count)
  }

  private var averageBlock: TensorView? { average == nil ? nil : blocks.last?.values }

  /// The rate of the update that has `step` before it.
  public func rate(step: Int) -> Double { schedule.rate(at: step, scale: plateau?.scale ?? 1) }

  /// Lets a plateau see the figures of the evaluation after `step` steps; those during the warm-up do not count.
  /// - Returns: a sentence where the rate is lower from now on.
  func judge(_ metrics: [Metric], after step: Int) -> String? {
    guard let rule = schedule.plateau, var state = plateau, step > schedule.warmupSteps,
      let metric = metrics.first(where: { rule.figure == .first || $0.name == rule.figure.rawValue })
    else { return nil }
    let before = rate(step: step), best = state.best
    let isLower = rule.judge(
      metric.value, isBetterHigher: metric.isBetterHigher, peak: schedule.peakRate, &state)
    plateau = state
    guard isLower, let best else { return nil }
    return "\(metric.name) no longer improves on \(NumberText.significant(best, digits: 4)): learning rate "
      + "\(NumberText.significant(before, digits: 4)) -> \(NumberText.significant(rate(step: step), digits: 4))"
  }

  /// The norm of all gradients before clipping, not a number or infinite when a gradient is, and whether all new running
  /// statistics are finite. One pass; all ranks call this together where they share the update out.
  func examineGradients(over queue: ReductionQueue?) throws -> (norm: Double, hasFiniteStatistics: Bool) {
    let gradients = state.gradients, statistics = state.layout.statisticsRange
    if let shardedNorm, let queue { return try shardedNorm.measure(gradients, statistics, team, over: queue) }
    team.run { [norm] worker in norm.measure(gradients.pointer, worker) }
    return (norm.value, statistics.allSatisfy { gradients[$0].isFinite })
  }

  /// Gives every rank all summed gradients where each has those of its part. All ranks call this together.
  func gatherGradients(over queue: ReductionQueue) throws {
    guard let shards else { return }
    for (bucket, parts) in zip(shards.buckets, shards.parts) {
      queue.gather("gathered gradients", state.gradients.pointer + bucket.lowerBound, parts)
    }
    try queue.waitAll()
  }

  /// Makes the next parameters and running statistics from the summed gradients.
  /// - Parameters:
  ///   - norm: the gradients' norm where it has been measured; without it, it is when the clipping needs it.
  ///   - queue: where the ranks share the update out; all of them call this together then.
  public func apply(step: Int, norm known: Double? = nil, over queue: ReductionQueue? = nil) throws {
    var measured = known
    if measured == nil, case .norm = clipping { measured = try examineGradients(over: queue).norm }
    try clipUnits(over: queue)
    if let shards, let queue {
      let calls = self.calls(of: shards, step: step, norm: measured)
      try measureTensors(calls, over: queue)
      for (bucket, call) in calls.enumerated() {
        team.run { [optimizer] worker in optimizer.update(call, worker) }
        takeStatistics(in: shards.own[bucket])
        // Travels while the next bucket is updated.
        queue.gather(
          "parameters bucket \(bucket)", state.values.pointer + shards.buckets[bucket].lowerBound, shards.parts[bucket])
      }
      try queue.waitAll()
    } else {
      let whole = 0..<state.values.count
      let call = self.call(whole, layout, step: step, norm: measured)
      team.run { [optimizer] worker in optimizer.step(call, worker) }
      takeStatistics(in: whole)
    }
    if let average, let block = averageBlock {
      team.run { [state] worker in
        average.update(block.pointer, towards: state.values.pointer, count: block.count, step: step, worker)
      }
    }
    state.countStep()
  }

  /// The update of the elements in `range`, whose moments begin at `offset` of their blocks.
  private func call(
    _ range: Range<Int>, _ layout: ParameterLayout, statesAt offset: Int = 0, part: Int = 0, step: Int, norm: Double?
  ) -> UpdateCall {
    UpdateCall(
      layout: layout, parameters: state.values.pointer + range.lowerBound,
      gradients: state.gradients.pointer + range.lowerBound,
      states: blocks.prefix(optimizer.stateBlocks.count).map { $0.values.pointer + offset }, step: step,
      rate: rate(step: step), gradientScale: clipping.scale(norm: norm ?? 0), gradientLimit: clipping.limit,
      momentum: schedule.momentum(at: step), norms: tensorNorms, part: part, origin: range.lowerBound)
  }

  /// The updates of this rank's part of every bucket.
  private func calls(of shards: OptimizerShards, step: Int, norm: Double?) -> [UpdateCall] {
    var offset = 0
    return shards.own.enumerated().map { part, range in
      defer { offset += range.count }
      return call(range, layout.part(range), statesAt: offset, part: part, step: step, norm: norm)
    }
  }

  /// Running statistics are not learnt: the new ones take the place of the old.
  private func takeStatistics(in range: Range<Int>) {
    let statistics = state.layout.statisticsRange.clamped(to: range)
    (state.values.pointer + statistics.lowerBound)
      .update(from: state.gradients.pointer + statistics.lowerBound, count: statistics.count)
  }

  /// Puts the mean over the ranks in the place of parameters, running statistics and all blocks beside them. All ranks
  /// call this together.
  func takeMeans(over queue: ReductionQueue) throws {
    let ranges = [state.layout.statisticsRange, state.layout.parameterRange]
    let parts = ([state.values] + blocks.map(\.values)).flatMap { block in
      ranges.map { (block.pointer + $0.lowerBound, $0.count) }
    }
    for (values, count) in parts { queue.submit("means of parameters", values, count: count) }
    try queue.waitAll()
    let share = 1 / Float(queue.size)
    nonisolated(unsafe) let memory = parts
    team.run { worker in
      for (values, count) in memory {
        for range in worker.ranges(count, by: ParameterLayout.tileElements) {
          for index in range { values[index] *= share }
        }
      }
    }
  }

  /// The blocks in full, for a checkpoint: on rank 0, where the ranks share them out. All ranks call this together.
  public func wholeBlocks(over queue: ReductionQueue) throws -> [StateBlock] {
    guard let shards else { return blocks }
    return try blocks.map { block in
      if block.name == StateBlock.averageName { return block }
      let own = UnsafeRawBufferPointer(start: block.values.pointer, count: 4 * block.values.count)
      let parts = try queue.run("moments") { try $0.gather("moments", Array(own)) }
      let whole = try self.whole(block)
      shards.spread(parts, into: whole.values)
      return whole
    }
  }

  /// Memory for the blocks in full, to be read into and given to `restore`.
  func blocksToRestore() throws -> [StateBlock] {
    try blocks.map { shards == nil || $0.name == StateBlock.averageName ? $0 : try whole($0) }
  }

  /// Takes over what `blocksToRestore` gave and somebody has filled.
  func restore(_ whole: [StateBlock]) {
    guard let shards else { return }
    for (block, whole) in zip(blocks, whole) where block.name != StateBlock.averageName {
      shards.take(from: whole.values, into: block.values)
    }
  }

  private func whole(_ block: StateBlock) throws -> StateBlock {
    let arena = try Arena(byteCount: state.values.shape.byteCount)
    return StateBlock(
      block.name, arena.view(at: 0, state.values.shape), hasStatistics: block.hasStatistics, memory: arena)
  }

  /// Runs `body` with the moving average in the place of parameters and statistics.
  public func withAverage<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let block = averageBlock else { return try body() }
    swap(block)
    defer { swap(block) }
    return try body()
  }

  private func swap(_ block: TensorView) {
    let (ours, theirs) = (block.pointer, state.values.pointer)
    for index in 0..<block.count { (ours[index], theirs[index]) = (theirs[index], ours[index]) }
  }
}
