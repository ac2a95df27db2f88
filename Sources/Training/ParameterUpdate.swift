import Compute
import Configuration
import Graphs
import Optimizers

/// What becomes of summed gradients: clipping, the update rule, the running statistics, the moving average.
public final class ParameterUpdate {
  public let optimizer: any Optimizer
  public let schedule: Schedule
  public let clipping: Clipping
  public let average: MovingAverage?
  private let state: ModelState
  private let team: WorkerTeam
  private let layout: ParameterLayout
  private let norm: GradientNorm
  private let memory: [Arena]
  /// The blocks beside the parameters, by the names under which checkpoints keep them: the rule's moments, then `ema`.
  public let blocks: [StateBlock]

  /// - Parameter decaysEverything: whether weight decay applies to norms and biases too, as in the oldest recipes.
  public init(
    _ optimizer: any Optimizer, _ schedule: Schedule, _ clipping: Clipping, average: MovingAverage?,
    decaysEverything: Bool, state: ModelState, team: WorkerTeam
  ) throws {
    self.optimizer = optimizer
    self.schedule = schedule
    self.clipping = clipping
    self.average = average
    self.state = state
    self.team = team
    layout = ParameterLayout(
      state.layout.parameters.map {
        ParameterGroup($0.range, decays: decaysEverything || state.parameter($0.path)!.decays)
      })
    norm = GradientNorm(layout)
    let names = optimizer.stateBlocks + (average == nil ? [] : [Self.averageName])
    let memory = try names.map { _ in try Arena(byteCount: state.values.shape.byteCount, firstTouchedBy: team) }
    self.memory = memory
    blocks = zip(names, memory).map {
      StateBlock($0, $1.view(at: 0, state.values.shape), hasStatistics: $0 == Self.averageName)
    }
    startAverage()
  }

  private static let averageName = "ema"

  /// The average starts at the parameters.
  public func startAverage() {
    averageBlock?.pointer.update(from: state.values.pointer, count: state.values.count)
  }

  private var averageBlock: TensorView? { average == nil ? nil : blocks.last?.values }

  /// The rate of the update that has `step` before it.
  public func rate(step: Int) -> Double { schedule.rate(at: step) }

  /// The norm of all gradients before clipping; not a number or infinite when a gradient is. One pass over them.
  public func gradientNorm() -> Double {
    team.run { [norm, state] worker in norm.measure(state.gradients.pointer, worker) }
    return norm.value
  }

  /// Makes the next parameters and running statistics from the summed gradients.
  /// - Parameter norm: the gradients' norm where it has been measured; without it, it is when the clipping needs it.
  public func apply(step: Int, norm known: Double? = nil) {
    var measured = known
    if measured == nil, case .norm = clipping { measured = gradientNorm() }
    let call = UpdateCall(
      layout: layout, parameters: state.values.pointer, gradients: state.gradients.pointer,
      states: blocks.prefix(optimizer.stateBlocks.count).map(\.values.pointer), step: step, rate: rate(step: step),
      gradientScale: clipping.scale(norm: measured ?? 0), gradientLimit: clipping.limit)
    team.run { [optimizer, average, state, averageBlock] worker in
      optimizer.update(call, worker)
      if worker.isFirst {
        let statistics = state.layout.statisticsRange
        state.values.pointer.update(from: state.gradients.pointer, count: statistics.count)
      }
      worker.barrier()
      if let average, let block = averageBlock {
        average.update(block.pointer, towards: state.values.pointer, count: block.count, step: step, worker)
      }
    }
    state.countStep()
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
