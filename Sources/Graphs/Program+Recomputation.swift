import Operators

/// Memory for time: a value of the forward pass is dropped after its last use there, and the backward pass computes it
/// again when it first needs it.
extension Program {
  /// This program with the results of `nodes` computed again in the backward pass.
  ///
  /// Just before the first backward step that reads a result of such a node, its forward step is repeated into memory
  /// of its own, after the steps that its inputs come from where they are dropped too. Each is repeated once, and its
  /// results are kept until their last use. The backward steps and their order stay as they are.
  package func recomputing(_ nodes: Set<Int>) -> Program {
    var result = self
    result.steps = Array(steps[..<forwardCount])
    /// The cell that stands for a dropped one in the backward pass.
    var standIn: [Int: Int] = [:]
    func replaced(_ use: Use?) -> Use? { use.map { Use(cell: standIn[$0.cell] ?? $0.cell, shape: $0.shape) } }
    func repeatStep(thatMade cell: Int, _ makers: [Int: Int]) {
      guard standIn[cell] == nil, let maker = makers[cell] else { return }
      let step = steps[maker]
      for use in step.reads.compactMap({ $0 }) { repeatStep(thatMade: use.cell, makers) }
      for use in step.writes.compactMap({ $0 }) {
        standIn[use.cell] = result.cells.count
        result.cells.append(Cell(place: .arena, count: cells[use.cell].count))
      }
      result.steps.append(
        Step(
          action: .recompute, node: step.node, path: step.path, reads: step.reads.map(replaced),
          writes: step.writes.map(replaced), keptInputs: [], keptOutputs: []))
    }
    let makers = makers(of: nodes)
    for step in steps[forwardCount...] {
      for use in (step.keptInputs + step.keptOutputs).compactMap({ $0 }) { repeatStep(thatMade: use.cell, makers) }
      result.steps.append(
        Step(
          action: step.action, node: step.node, path: step.path, reads: step.reads, writes: step.writes,
          keptInputs: step.keptInputs.map(replaced), keptOutputs: step.keptOutputs.map(replaced)))
    }
    return result
  }

  /// The forward step that writes each cell, for the cells that `nodes` make.
  private func makers(of nodes: Set<Int>) -> [Int: Int] {
    var makers: [Int: Int] = [:]
    for (index, step) in steps[..<forwardCount].enumerated() where nodes.contains(step.node!) {
      for use in step.writes.compactMap({ $0 }) { makers[use.cell] = index }
    }
    return makers
  }

  /// Whether the forward step of `node` may run twice. Not so what has to do with new running statistics: they are
  /// written once, and travel with the gradients while the backward pass goes on.
  package func isRepeatable(_ node: Int) -> Bool {
    steps[node].touched.allSatisfy {
      switch cells[$0].place {
      case .newBuffer, .gradient: false
      case .arena, .parameter, .buffer: true
      }
    }
  }
}
