import Compute
import Datasets
import Graphs
import Layers
import Operators
import Tasks

/// The runs of one network: a plan for each batch size and mode, made when first asked for, all on the same parameters
/// and in the same arena.
public final class NetworkRunners {
  public let network: any Module
  public let task: any TrainingTask
  public let state: ModelState
  public let team: WorkerTeam
  /// The plan of a full training batch: its layout is everybody's.
  public let mainPlan: Plan
  private let imageShape: Shape
  private let isInterpreted: Bool
  private let bucketBytes: Int
  private let measuresSteps: Bool
  private let memoryBudget: MemoryBudget
  private let rewrites: [any Rewrite]
  /// The methods that convolutions were given by measurement; `nil` where the rule has all of them.
  public let convolutions: ConvolutionChoices?
  private let replicaSums: (any ReplicaSums)?
  private var arena: Arena
  private var runners: [Key: any Runner] = [:]
  /// Watches the interpreter in debug mode.
  public var observer: ((Program.Step, [TensorView]) throws -> Void)?

  private struct Key: Hashable {
    let mode: Trace.Mode
    let batch: Int
  }

  /// Traces and plans the network, and takes the memory for its training.
  /// - Parameters:
  ///   - batch: samples of a replica in a full step.
  ///   - image: `[H, W, C]`.
  ///   - key: keys the initial parameters.
  ///   - mode: what the network is mostly for; `.inference` takes no memory for training.
  ///   - memoryBudget: what the arena of a training step may take; evaluations are not held to it.
  ///   - disabledRewrites: what the traced graph does not go through before it is planned.
  ///   - convolutions: the methods of convolutions, where they have been measured.
  ///   - replicaSums: where norms take their statistics over all replicas.
  ///   - isInterpreted: debug mode: node by node, without a plan's memory.
  ///   - measuresSteps: whether each step of a plan is timed, for a trace.
  /// - Throws: `TraceError` for shapes that do not fit, `MemoryBudgetError` for too small a budget, `ArenaError` when
  ///   the memory is not to be had.
  public init(
    _ network: any Module, _ task: any TrainingTask, batch: Int, image: Shape, team: WorkerTeam, key: RandomKey,
    mode: Trace.Mode = .training, bucketBytes: Int = 4 << 20, memoryBudget: MemoryBudget = .auto,
    disabledRewrites: Set<String> = [], convolutions: ConvolutionChoices? = nil, replicaSums: (any ReplicaSums)? = nil,
    isInterpreted: Bool = false, measuresSteps: Bool = false
  ) throws {
    self.network = network
    self.task = task
    self.team = team
    self.isInterpreted = isInterpreted
    self.bucketBytes = bucketBytes
    self.measuresSteps = measuresSteps
    self.memoryBudget = memoryBudget
    rewrites = Plan.rewrites(except: disabledRewrites, choices: convolutions)
    self.convolutions = convolutions
    self.replicaSums = replicaSums
    imageShape = image
    let graph = try Self.graph(network, task, batch: batch, image: image, mode: mode, replicaSums: replicaSums)
    mainPlan = try Plan(
      graph, workers: team.count, bucketBytes: bucketBytes, rewrites: rewrites,
      budget: mode == .training ? memoryBudget : .auto)
    state = try ModelState(mainPlan.program, layout: mainPlan.layout, key: key)
    arena = try Arena(byteCount: isInterpreted ? 0 : mainPlan.arena.byteCount, firstTouchedBy: team)
    runners[Key(mode: mode, batch: batch)] = makeRunner(mainPlan)
  }

  /// The run of `batch` samples.
  public func runner(_ mode: Trace.Mode, batch: Int) throws -> any Runner {
    let key = Key(mode: mode, batch: batch)
    if let known = runners[key] { return known }
    let graph = try Self.graph(network, task, batch: batch, image: imageShape, mode: mode, replicaSums: replicaSums)
    let plan = try Plan(
      graph, workers: team.count, layout: state.layout, bucketBytes: bucketBytes, rewrites: rewrites,
      budget: mode == .training ? memoryBudget : .auto)
    if plan.arena.byteCount > arena.byteCount && !isInterpreted {
      // Runners hold the arena that they were made for: a larger one is for all of them.
      arena = try Arena(byteCount: plan.arena.byteCount, firstTouchedBy: team)
      runners = [:]
    }
    let runner = makeRunner(plan)
    runners[key] = runner
    return runner
  }

  /// The traced graph of one mode.
  public static func graph(
    _ network: any Module, _ task: any TrainingTask, batch: Int, image: Shape, mode: Trace.Mode,
    replicaSums: (any ReplicaSums)? = nil
  ) throws -> Graph {
    let trace = Trace(mode: mode, replicaSums: replicaSums)
    task.trace(network, images: Shape([batch] + image.array), in: trace)
    return try trace.finish()
  }

  private func makeRunner(_ plan: Plan) -> any Runner {
    guard isInterpreted else {
      return PlanRunner(plan, state: state, team: team, arena: arena, measuresSteps: measuresSteps)
    }
    let interpreter = Interpreter(plan, state: state, team: team)
    interpreter.observer = { [unowned self] in try observer?($0, $1) }
    return interpreter
  }
}
