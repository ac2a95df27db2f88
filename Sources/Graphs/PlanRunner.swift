import Compute
import Glibc
import Operators

/// Replays a plan: every argument was computed when the runner was made, a run allocates nothing.
public final class PlanRunner: Runner {
  public let plan: Plan
  public let state: ModelState
  private let team: WorkerTeam
  private let arena: Arena
  private var steps: [BoundStep]
  private var range = 0..<0
  private var nextBucket = 0
  private var bucketReady: ((Int) -> Void)?
  /// When each step began in the last run, by `now()`, and the nanoseconds that it took, when asked for.
  public private(set) var stepStarts: [UInt64]
  public private(set) var stepNanoseconds: [UInt64]
  private let measuresSteps: Bool
  /// Called between stretches of steps, for measurements of the machine as it is while a network runs on it.
  public var pause: (() -> Void)?
  /// What all these calls took so far.
  public private(set) var pausedNanoseconds: UInt64 = 0
  /// Steps of a stretch: some tens of milliseconds of a network worth measuring.
  private static let stretch = 12
  /// The layer of each step, in memory that a dying process can still read.
  private let layers: [UnsafeMutablePointer<CChar>]

  /// Binds `plan` to the memory of `state` and to `arena`, which several plans may share as long as they do not run at
  /// once.
  public init(_ plan: Plan, state: ModelState, team: WorkerTeam, arena: Arena, measuresSteps: Bool = false) {
    precondition(team.count == plan.workers, "a plan for \(plan.workers) workers on a team of \(team.count)")
    precondition(arena.byteCount >= plan.arena.byteCount, "an arena of \(arena.byteCount) for \(plan.arena.byteCount) bytes")
    precondition(plan.layout == state.layout, "a plan and a state of different layouts")
    self.plan = plan
    self.state = state
    self.team = team
    self.arena = arena
    self.measuresSteps = measuresSteps
    stepNanoseconds = [UInt64](repeating: 0, count: measuresSteps ? plan.program.steps.count : 0)
    stepStarts = stepNanoseconds
    layers = plan.program.steps.map { strdup($0.path) }
    steps = []
    steps = plan.program.bind(memory: address) { [plan] step in
      (arena.base + plan.arena.scratchOffsets[step]).assumingMemoryBound(to: Float.self)
    }
  }

  deinit {
    LastWords.enter(layer: nil)
    for layer in layers { free(layer) }
  }

  public func input(_ name: String) -> TensorView { view(plan.program.use(ofInput: name), name) }
  public func output(_ name: String) -> TensorView { view(plan.program.use(ofOutput: name), name) }
  public func seed(_ name: String) -> TensorView { view(plan.program.use(ofSeed: name), name) }
  public func inputGradient(_ name: String) -> TensorView { view(plan.program.use(ofInputGradient: name), name) }
  public func outputGradient(_ name: String) -> TensorView { view(plan.program.use(ofOutputGradient: name), name) }

  public func forward(random: RandomKey) {
    for (index, step) in plan.program.steps.enumerated() {
      if let node = step.node { steps[index].setRandom(random.appending(plan.program.graph.nodes[node].number)) }
    }
    run(0..<plan.program.forwardCount)
  }

  public func backward(bucketReady: ((Int) -> Void)? = nil) {
    self.bucketReady = bucketReady
    nextBucket = 0
    run(plan.program.forwardCount..<steps.count)
    announceBuckets(closedBy: steps.count)
    self.bucketReady = nil
  }

  private func run(_ range: Range<Int>) {
    if let pause {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.stretch) {
        self.range = start..<min(start + Self.stretch, range.upperBound)
        team.run(region)
        let end = now()
        pause()
        pausedNanoseconds += now() - end
      }
    } else {
      self.range = range
      team.run(region)
    }
    LastWords.enter(layer: nil)
  }

  private lazy var region: (Worker) -> Void = { [unowned self] worker in
    for index in range {
      let start = measuresSteps && worker.isFirst ? now() : 0
      if worker.isFirst { LastWords.enter(layer: layers[index]) }
      steps[index].run(worker)
      worker.barrier()
      if worker.isFirst {
        if measuresSteps {
          stepStarts[index] = start
          stepNanoseconds[index] = now() - start
        }
        announceBuckets(closedBy: index)
      }
    }
  }

  /// The first worker hands closed buckets on while the others go on with the next step.
  private func announceBuckets(closedBy step: Int) {
    guard let bucketReady, step >= plan.program.forwardCount else { return }
    while nextBucket < plan.buckets.count && plan.bucketClosings[nextBucket] <= step {
      bucketReady(nextBucket)
      nextBucket += 1
    }
  }

  private func view(_ use: Program.Use?, _ name: String) -> TensorView {
    guard let use else { preconditionFailure("the plan has nothing called \(name)") }
    return TensorView(address(use.cell), use.shape)
  }

  private func address(_ cell: Int) -> UnsafeMutablePointer<Float> {
    state.address(of: plan.program.cells[cell].place, plan.program.graph)
      ?? (arena.base + (plan.arena.offsets[cell] ?? 0)).assumingMemoryBound(to: Float.self)
  }
}

extension ModelState {
  /// The memory of a cell that lies in the state; `nil` for one in the arena.
  func address(of place: Program.Cell.Place, _ graph: Graph) -> UnsafeMutablePointer<Float>? {
    switch place {
    case .arena: nil
    case .parameter(let index): values.pointer + layout.parameter(graph.parameters[index].path)!.range.lowerBound
    case .buffer(let index): values.pointer + layout.buffer(graph.buffers[index].path)!.range.lowerBound
    case .gradient(let index): gradients.pointer + layout.parameter(graph.parameters[index].path)!.range.lowerBound
    case .newBuffer(let index): gradients.pointer + layout.buffer(graph.buffers[index].path)!.range.lowerBound
    }
  }
}
