import Compute
import Operators

/// The plan's slow twin: runs a program node by node, every cell in memory of its own, and looks at each result.
///
/// Given the same graph it gives the planned run's bits. Memory that a plan would have freed or reused is never touched
/// by others here, so a difference between the two is a fault of the layout.
public final class Interpreter: Runner {
  public let program: Program
  public let state: ModelState
  private let layout: StateLayout
  private let team: WorkerTeam
  private let buckets: [Range<Int>]
  private var memory: [Int: Block] = [:]
  private var steps: [BoundStep] = []

  /// Called after each step with what it wrote; throws to end the run.
  public var observer: ((Program.Step, _ written: [TensorView]) throws -> Void)?

  public init(_ plan: Plan, state: ModelState, team: WorkerTeam) {
    program = plan.program
    self.state = state
    self.team = team
    layout = plan.layout
    buckets = plan.buckets
    for (cell, description) in program.cells.enumerated() where description.place == .arena {
      memory[cell] = Block(description.count)
    }
    var scratch: [Int: Block] = [:]
    for (index, step) in program.steps.enumerated() {
      scratch[index] = Block(program.scratchFloats(of: step, workers: team.count))
    }
    steps = program.bind(memory: address) { scratch[$0]!.pointer }
    self.scratch = scratch
  }

  private var scratch: [Int: Block] = [:]

  public func input(_ name: String) -> TensorView { view(program.use(ofInput: name)!) }
  public func output(_ name: String) -> TensorView { view(program.use(ofOutput: name)!) }
  public func seed(_ name: String) -> TensorView { view(program.use(ofSeed: name)!) }
  public func inputGradient(_ name: String) -> TensorView { view(program.use(ofInputGradient: name)!) }
  public func outputGradient(_ name: String) -> TensorView { view(program.use(ofOutputGradient: name)!) }

  public func forward(random: RandomKey) throws {
    for (index, step) in program.steps.enumerated() {
      if let node = step.node { steps[index].setRandom(random.appending(program.graph.nodes[node].number)) }
    }
    try run(0..<program.forwardCount)
  }

  public func backward(bucketReady: ((Int) -> Void)? = nil) throws {
    try run(program.forwardCount..<steps.count)
    if let bucketReady { buckets.indices.forEach(bucketReady) }
  }

  private func run(_ range: Range<Int>) throws {
    for index in range {
      let step = steps[index]
      team.run { step.run($0) }
      if let observer { try observer(program.steps[index], program.steps[index].writes.compactMap { $0.map(view) }) }
    }
  }

  private func view(_ use: Program.Use) -> TensorView { TensorView(address(use.cell), use.shape) }

  private func address(_ cell: Int) -> UnsafeMutablePointer<Float> {
    state.address(of: program.cells[cell].place, program.graph) ?? memory[cell]!.pointer
  }

  /// Memory that starts as NaN, so that reading what nobody wrote shows.
  private final class Block {
    let pointer: UnsafeMutablePointer<Float>
    init(_ count: Int) {
      pointer = UnsafeMutableRawPointer.allocate(byteCount: max(count, 16) * 4, alignment: Arena.alignment)
        .bindMemory(to: Float.self, capacity: max(count, 16))
      pointer.initialize(repeating: .nan, count: count)
    }
    deinit { pointer.deallocate() }
  }
}
