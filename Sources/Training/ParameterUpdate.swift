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
  private let state: ModelState
  private let team: WorkerTeam
  private let layout: ParameterLayout
  private let norm: GradientNorm
  private let tensorNorms: TensorNorms?
  private let adaptiveClipping: AdaptiveClipping?
  private let shards: OptimizerShards?
  private let shardedNorm: ShardedNorm?
  private let memory: [Arena]
  /// The blocks beside the parameters, by the names under which checkpoints keep them: the rule's moments, then `ema`.
  /// Where the ranks share them out, a moment holds this rank's elements alone, one after the other.
  private let blocks: [StateBlock]

  /// - Parameters:
  ///   - decaysEverything: whether weight decay applies to norms and biases too, as in the oldest recipes.
  ///   - shards: for rules and clippings that do not look at whole tensors.
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
    tensorNorms = optimizer.takesTensorNorms ? TensorNorms(layout) : nil
    if case .adaptive(let factor) = clipping {
      adaptiveClipping = AdaptiveClipping(layout, factor: factor)
    } else {
      adaptiveClipping = nil
    }
    precondition(
      shards == nil || (tensorNorms == nil && adaptiveClipping == nil), "norms of tensors of which a rank has parts")
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
    if let adaptiveClipping {
      team.run { [state] worker in
        adaptiveClipping.clip(state.gradients.pointer, of: UnsafePointer(state.values.pointer), worker)
      }
    }
    if let shards, let queue {
      var offset = 0
      for (bucket, range) in shards.own.enumerated() {
        update(range, statesAt: offset, layout.part(range), step: step, norm: measured)
        offset += range.count
        // Travels while the next bucket is updated.
        queue.gather(
          "parameters bucket \(bucket)", state.values.pointer + shards.buckets[bucket].lowerBound, shards.parts[bucket])
      }
      try queue.waitAll()
    } else {
      update(0..<state.values.count, statesAt: 0, layout, step: step, norm: measured)
    }
    if let average, let block = averageBlock {
      team.run { [state] worker in
        average.update(block.pointer, towards: state.values.pointer, count: block.count, step: step, worker)
      }
    }
    state.countStep()
  }

  /// Updates the elements in `range`, whose moments begin at `offset` of their blocks.
  private func update(_ range: Range<Int>, statesAt offset: Int, _ layout: ParameterLayout, step: Int, norm: Double?) {
    let values = state.values.pointer + range.lowerBound, gradients = state.gradients.pointer + range.lowerBound
    let call = UpdateCall(
      layout: layout, parameters: values, gradients: gradients,
      states: blocks.prefix(optimizer.stateBlocks.count).map { $0.values.pointer + offset }, step: step,
      rate: rate(step: step), gradientScale: clipping.scale(norm: norm ?? 0), gradientLimit: clipping.limit,
      momentum: schedule.momentum(at: step), norms: tensorNorms)
    let statistics = state.layout.statisticsRange.clamped(to: range).count
    team.run { [optimizer] worker in
      optimizer.update(call, worker)
      if worker.isFirst { values.update(from: gradients, count: statistics) }
    }
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
