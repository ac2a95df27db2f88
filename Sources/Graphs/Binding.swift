import Compute
import Operators

/// A step whose arguments point to memory.
enum BoundStep {
  case forward(any Operator, ForwardCall)
  case backward(any Operator, BackwardCall)
  case add(TensorView, to: TensorView)
  case zero(TensorView)

  /// Runs on one worker of the team.
  func run(_ worker: Worker) {
    switch self {
    case .forward(let subject, let call): subject.forward(call, worker)
    case .backward(let subject, let call): subject.backward(call, worker)
    case .add(let source, let target):
      for range in worker.ranges(target.count, by: 16_384) {
        for index in range { target[index] += source[index] }
      }
    case .zero(let target):
      for range in worker.ranges(target.count, by: 16_384) {
        (target.pointer + range.lowerBound).update(repeating: 0, count: range.count)
      }
    }
  }

  /// Sets the key from which the operator draws.
  mutating func setRandom(_ key: RandomKey) {
    switch self {
    case .forward(let subject, var call):
      call.context.random = key
      self = .forward(subject, call)
    case .backward(let subject, var call):
      call.context.random = key
      self = .backward(subject, call)
    default: break
    }
  }
}

extension Program {
  /// The steps with arguments: `memory` gives the address of a cell, `scratch` that of a step's working memory.
  func bind(
    memory: (_ cell: Int) -> UnsafeMutablePointer<Float>, scratch: (_ step: Int) -> UnsafeMutablePointer<Float>
  ) -> [BoundStep] {
    func view(_ use: Use) -> TensorView { TensorView(memory(use.cell), use.shape) }
    return steps.enumerated().map { index, step in
      switch step.action {
      case .add: return .add(view(step.reads[0]!), to: view(step.writes[0]!))
      case .zero: return .zero(view(step.writes[0]!))
      case .forward, .recompute:
        let context = CallContext(memory: scratch(index), scratch: self.scratch(of: step), random: RandomKey(0))
        return .forward(
          graph.nodes[step.node!].subject,
          ForwardCall(inputs: step.reads.map { view($0!) }, outputs: step.writes.map { view($0!) }, context: context))
      case .backward(let accumulates):
        let node = graph.nodes[step.node!]
        let context = CallContext(memory: scratch(index), scratch: self.scratch(of: step), random: RandomKey(0))
        return .backward(
          node.subject,
          BackwardCall(
            inputs: zip(step.keptInputs, node.inputs).map { $0.map(view) ?? .unavailable($1.shape) },
            outputs: zip(step.keptOutputs, node.outputs).map {
              $0.map(view) ?? .unavailable(graph.values[$1.index].shape)
            },
            outputGradients: step.reads.map { $0.map(view) },
            inputGradients: zip(step.writes, accumulates).map { use, adds in
              use.map { GradientTarget(view($0), accumulates: adds) }
            }, context: context))
      }
    }
  }

  /// The cell and shape behind each name that a runner gives out.
  func use(ofInput name: String) -> Use? {
    for (index, value) in graph.values.enumerated() {
      if case .input(name, _) = value.source { return Use(cell: valueCells[index]!, shape: value.shape) }
    }
    return nil
  }

  func use(ofOutput name: String) -> Use? {
    graph.outputs.first { $0.name == name }.map {
      Use(cell: valueCells[$0.operand.value.index]!, shape: $0.operand.shape)
    }
  }

  func use(ofSeed name: String) -> Use? {
    graph.roots.first { $0.name == name }.map {
      Use(cell: gradientCells[$0.operand.value.index]!, shape: $0.operand.shape)
    }
  }

  func use(ofOutputGradient name: String) -> Use? {
    graph.gradients.first { $0.name == name }.flatMap { _, operand in
      gradientCells[operand.value.index].map { Use(cell: $0, shape: operand.shape) }
    }
  }

  func use(ofInputGradient name: String) -> Use? {
    for (index, value) in graph.values.enumerated() {
      if case .input(name, _) = value.source, let cell = gradientCells[index] {
        return Use(cell: cell, shape: value.shape)
      }
    }
    return nil
  }
}

extension TensorView {
  /// The shape of something that was not kept. Its address lies in the page that no process may touch: reading it
  /// faults.
  static func unavailable(_ shape: Shape) -> TensorView {
    TensorView(UnsafeMutablePointer(bitPattern: MemoryLayout<Float>.alignment)!, shape)
  }
}
