import Compute
import Operators

/// What a plan comes to, layer by layer and tensor by tensor: for people who ask where memory and work go.
public struct PlanSummary: Sendable {
  /// One node of the network.
  public struct Layer: Sendable {
    /// The module's path for a node with parameters, `layer1.0.conv1`; the node's own for others, `layer1.0.relu`.
    public let path: String
    /// The operator's name.
    public let subject: String
    /// The shape of the first output.
    public let outputShape: Shape
    /// Trained numbers that this node is the first to read.
    public let parameters: Int
    /// Multiply-adds of the forward pass, over the plan's batch.
    public let multiplyAdds: Int
    /// Bytes of this node's outputs that wait for the backward pass.
    public let keptBytes: Int
  }

  /// One piece of memory in the arena.
  public struct Block: Hashable, Sendable {
    /// `layer1.0.conv1`, `gradient of layer1.0.conv1`, `scratch of layer1.0.conv1`.
    public let name: String
    public let bytes: Int
    /// The first and the last step that need it; -1 and the number of steps stand for the caller.
    public let steps: ClosedRange<Int>
  }

  public let layers: [Layer]
  /// Everything that is alive at the step that needs most, largest first: the reason for the arena's size.
  public let fullest: [Block]
  /// That step: its number, direction and path.
  public let fullestStep: String

  public init(_ plan: Plan) {
    layers = Self.layers(of: plan.program)
    (fullestStep, fullest) = Self.fullest(of: plan.program, workers: plan.workers)
  }

  /// The step that needs most, and everything that is alive there, largest first.
  static func fullest(of program: Program, workers: Int) -> (step: String, blocks: [Block]) {
    let blocks = Self.blocks(of: program, workers: workers)
    var alive = [Int](repeating: 0, count: program.steps.count)
    for block in blocks {
      for step in block.steps.clamped(to: 0...max(alive.count - 1, 0)) where alive.indices.contains(step) {
        alive[step] += block.bytes
      }
    }
    let step = alive.indices.max { (alive[$0], $1) < (alive[$1], $0) } ?? 0
    return (
      program.steps.indices.contains(step)
        ? "step \(step), \(program.kind(of: program.steps[step]).direction) \(program.steps[step].path)" : "",
      blocks.filter { $0.steps.contains(step) }
        .sorted { ($1.bytes, $0.steps.lowerBound) < ($0.bytes, $1.steps.lowerBound) }
    )
  }

  private static func layers(of program: Program) -> [Layer] {
    let graph = program.graph
    let read = program.steps.flatMap { $0.keptInputs + $0.keptOutputs + ($0.isRepeated ? $0.reads : []) }
    let kept = Set(read.compactMap { $0?.cell })
    var counted: Set<Int> = []
    return graph.nodes.map { node in
      var parameters = 0
      var path = node.path
      for operand in node.inputs {
        guard case .parameter(let index) = graph.values[operand.value.index].source else { continue }
        let module = graph.parameters[index].path.split(separator: ".").dropLast().joined(separator: ".")
        if path == module + "." + node.subject.name { path = module }
        guard counted.insert(index).inserted else { continue }
        parameters += graph.parameters[index].shape.count
      }
      let keptBytes = node.outputs.reduce(0) { bytes, output in
        guard let cell = program.valueCells[output.index], kept.contains(cell) else { return bytes }
        return bytes + graph.values[output.index].shape.byteCount
      }
      return Layer(
        path: path, subject: node.subject.name, outputShape: graph.values[node.outputs[0].index].shape,
        parameters: parameters, multiplyAdds: graph.multiplyAdds(of: node), keptBytes: keptBytes)
    }
  }

  /// Every piece of memory in the arena. Where an operator computes in place, the piece bears the name of what lies
  /// there first.
  private static func blocks(of program: Program, workers: Int) -> [Block] {
    let liveness = Liveness(program)
    let names = cellNames(of: program)
    let cells = liveness.intervals.map { cell, interval in
      Block(
        name: names[cell] ?? "sum of gradients", bytes: program.cells[cell].count * MemoryLayout<Float>.stride,
        steps: interval.first...max(interval.first, interval.last))
    }
    let scratch = program.steps.enumerated().compactMap { index, step -> Block? in
      let bytes = program.scratchFloats(of: step, workers: workers) * MemoryLayout<Float>.stride
      return bytes == 0 ? nil : Block(name: "scratch of \(step.path)", bytes: bytes, steps: index...index)
    }
    return cells.sorted { $0.steps.lowerBound < $1.steps.lowerBound } + scratch
  }

  private static func cellNames(of program: Program) -> [Int: String] {
    var values: [Int: String] = [:]
    for node in program.graph.nodes {
      for output in node.outputs { values[output.index] = node.path }
    }
    for (index, value) in program.graph.values.enumerated() {
      if case .input(let name, _) = value.source { values[index] = name }
    }
    var names: [Int: String] = [:]
    for (index, name) in values {
      if let cell = program.valueCells[index] { names[cell] = name }
      if let cell = program.gradientCells[index] { names[cell] = "gradient of \(name)" }
    }
    for step in program.steps where step.isRepeated {
      for use in step.writes.compactMap({ $0 }) { names[use.cell] = "\(step.path) again" }
    }
    return names
  }
}
