import Compute
import Operators

/// Walks a graph forwards and backwards and writes down the steps.
///
/// Reverse mode: from the roots back, each node whose output has a gradient gives one to those of its inputs that lead
/// to a parameter. The first contribution to a gradient writes it, later ones add in place, so that the gradient of a
/// skip connection needs no memory of its own.
struct Differentiation {
  let graph: Graph
  private(set) var cells: [Program.Cell] = []
  private(set) var steps: [Program.Step] = []
  private(set) var valueCells: [Int?]
  private(set) var gradientCells: [Int?]
  private var hasContribution: Set<Int> = []

  init(_ graph: Graph) {
    self.graph = graph
    valueCells = [Int?](repeating: nil, count: graph.values.count)
    gradientCells = valueCells
  }

  mutating func forward() {
    let updates = Dictionary(graph.bufferUpdates.map { ($0.value, $0.key) }, uniquingKeysWith: { a, _ in a })
    for (index, value) in graph.values.enumerated() {
      let place: Program.Cell.Place
      switch value.source {
      case .parameter(let parameter): place = .parameter(parameter)
      case .buffer(let buffer): place = .buffer(buffer)
      case .input: place = .arena
      case .computed: place = updates[ValueID(index: index)].map { .newBuffer($0) } ?? .arena
      }
      var cell = Program.Cell(place: place, count: value.shape.count)
      if case .input = value.source { cell.isGiven = true }
      valueCells[index] = add(cell)
    }
    for (_, operand) in graph.outputs { cells[valueCells[operand.value.index]!].isResult = true }
    for (index, node) in graph.nodes.enumerated() {
      steps.append(
        Program.Step(
          action: .forward, node: index, path: node.path, reads: node.inputs.map(use), writes: node.outputs.map(use),
          keptInputs: [], keptOutputs: []))
    }
  }

  mutating func backward() {
    let wanted = valuesThatWantGradients()
    for (_, operand) in graph.roots {
      let cell = gradientCell(of: operand.value)
      cells[cell].isGiven = true
      hasContribution.insert(cell)
    }
    for index in graph.nodes.indices.reversed() { differentiate(index, wanted) }
    for value in graph.gradients.map(\.operand.value) {
      let cell = gradientCell(of: value)
      cells[cell].isResult = true
      if hasContribution.insert(cell).inserted { zero(cell, graph.values[value.index].shape) }
    }
    guard graph.gradients.isEmpty else { return }
    for (index, value) in graph.values.enumerated() {
      switch value.source {
      case .parameter, .input(_, wantsGradient: true):
        let cell = gradientCell(of: ValueID(index: index))
        if case .input = value.source { cells[cell].isResult = true }
        if !hasContribution.contains(cell) { zero(cell, value.shape) }
      default: break
      }
    }
  }

  /// The values on a way from a parameter (or an input whose gradient is asked for) to anywhere; where gradients of
  /// outputs are asked for, from these alone.
  private func valuesThatWantGradients() -> Set<ValueID> {
    var wanted = Set(graph.gradients.map(\.operand.value))
    for (index, value) in graph.values.enumerated() where graph.gradients.isEmpty {
      switch value.source {
      case .parameter, .input(_, wantsGradient: true): wanted.insert(ValueID(index: index))
      default: break
      }
    }
    for node in graph.nodes
    where node.inputs.enumerated().contains(where: {
      wanted.contains($0.element.value) && node.subject.isDifferentiable(input: $0.offset)
    }) {
      wanted.formUnion(node.outputs)
    }
    return wanted
  }

  private mutating func differentiate(_ index: Int, _ wanted: Set<ValueID>) {
    let node = graph.nodes[index]
    let outputGradients = node.outputs.map { output -> Program.Use? in
      guard let cell = gradientCells[output.index], hasContribution.contains(cell) else { return nil }
      return Program.Use(cell: cell, shape: graph.values[output.index].shape)
    }
    guard outputGradients.contains(where: { $0 != nil }) else { return }
    var targets = [Program.Use?](repeating: nil, count: node.inputs.count)
    var accumulates = [Bool](repeating: false, count: node.inputs.count)
    var additions: [(from: Int, to: Int, shape: Shape)] = []
    var seen: Set<ValueID> = []
    for (k, operand) in node.inputs.enumerated()
    where wanted.contains(operand.value) && node.subject.isDifferentiable(input: k) {
      let cell = gradientCell(of: operand.value)
      let mayWrite = !hasContribution.contains(cell) || node.subject.accumulatesGradient(atInput: k)
      if seen.insert(operand.value).inserted && mayWrite {
        targets[k] = Program.Use(cell: cell, shape: operand.shape)
        accumulates[k] = hasContribution.contains(cell)
        hasContribution.insert(cell)
      } else {
        // Also the same value at two inputs of one node: a kernel writes each target once, in an order of its own.
        let other = add(Program.Cell(place: .arena, count: operand.shape.count))
        targets[k] = Program.Use(cell: other, shape: operand.shape)
        additions.append((other, cell, operand.shape))
      }
    }
    guard targets.contains(where: { $0 != nil }) else { return }
    let keeps = node.subject.keeps
    steps.append(
      Program.Step(
        action: .backward(accumulates: accumulates), node: index, path: node.path, reads: outputGradients, writes: targets,
        keptInputs: node.inputs.enumerated().map { keeps.inputs.contains($0.offset) ? use($0.element) : nil },
        keptOutputs: node.outputs.enumerated().map { keeps.outputs.contains($0.offset) ? use($0.element) : nil }))
    for addition in additions {
      steps.append(
        Program.Step(
          action: .add, node: nil, path: node.path, reads: [Program.Use(cell: addition.from, shape: addition.shape)],
          writes: [Program.Use(cell: addition.to, shape: addition.shape)], keptInputs: [], keptOutputs: []))
    }
  }

  private mutating func zero(_ cell: Int, _ shape: Shape) {
    steps.append(
      Program.Step(
        action: .zero, node: nil, path: "zero", reads: [], writes: [Program.Use(cell: cell, shape: shape)], keptInputs: [],
        keptOutputs: []))
  }

  private mutating func gradientCell(of value: ValueID) -> Int {
    if let cell = gradientCells[value.index] { return cell }
    var place = Program.Cell.Place.arena
    if case .parameter(let parameter) = graph.values[value.index].source { place = .gradient(parameter) }
    let cell = add(Program.Cell(place: place, count: graph.values[value.index].shape.count))
    gradientCells[value.index] = cell
    return cell
  }

  private mutating func add(_ cell: Program.Cell) -> Int {
    cells.append(cell)
    return cells.count - 1
  }

  private func use(_ operand: Operand) -> Program.Use? {
    Program.Use(cell: valueCells[operand.value.index]!, shape: operand.shape)
  }

  private func use(_ value: ValueID) -> Program.Use? {
    Program.Use(cell: valueCells[value.index]!, shape: graph.values[value.index].shape)
  }
}
