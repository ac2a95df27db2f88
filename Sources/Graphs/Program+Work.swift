import Compute
import Operators

/// What the steps of a program cost, counted from shapes.
extension Program {
  /// Multiply-adds of a step, counted directly.
  ///
  /// An operator with multiply-adds is a product of its first two inputs (activations and weights, or two matrices),
  /// and the gradient at either is a product of the same size. So a backward step counts as its forward step once for
  /// each of the two gradients that are asked for: twice in general, once in the first layer, where nobody asks for the
  /// gradient at the images.
  public func multiplyAdds(of step: Step) -> Int { perGradient(step, graph.multiplyAdds) }

  /// Multiply-adds that a step really does: see `Operator.computedMultiplyAdds`.
  public func computedMultiplyAdds(of step: Step) -> Int {
    perGradient(step) { node in
      node.subject.computedMultiplyAdds(
        inputs: node.inputs.map(\.shape), outputs: node.outputs.map { graph.values[$0.index].shape })
    }
  }

  private func perGradient(_ step: Step, _ count: (Node) -> Int) -> Int {
    guard let node = step.node.map({ graph.nodes[$0] }) else { return 0 }
    switch step.action {
    case .forward, .recompute: return count(node)
    case .backward: return count(node) * step.writes.prefix(2).count { $0 != nil }
    case .add, .zero: return 0
    }
  }

  /// Multiply-adds of a whole run: both passes where the program has a backward one. What is computed again does not
  /// count: it adds nothing to the result.
  public var multiplyAdds: Int { steps.reduce(0) { $0 + ($1.isRepeated ? 0 : multiplyAdds(of: $1)) } }

  /// The bytes that a step must at least move: everything it reads and writes, once; what it adds to, twice.
  public func bytesMoved(by step: Step) -> Int {
    let read = Set((step.reads + step.keptInputs + step.keptOutputs).compactMap { $0?.cell })
    var bytes = read.reduce(0) { $0 + cells[$1].count * MemoryLayout<Float>.stride }
    for (index, use) in step.writes.enumerated() {
      guard let use else { continue }
      let isAddedTo = if case .backward(let accumulates) = step.action { accumulates[index] } else { false }
      let isSum = if case .add = step.action { true } else { false }
      bytes += use.shape.byteCount * (isAddedTo || isSum ? 2 : 1)
    }
    return bytes
  }

  /// What kind of work a step is: its operator, for a convolution also kernel, stride and chosen method, and its
  /// direction.
  public func kind(of step: Step) -> StepKind {
    let node = step.node.map { graph.nodes[$0] }
    var name = node?.subject.name ?? ""
    if let node, let (convolution, weight) = convolution(of: node) {
      name += " \(weight[1])x\(weight[2])"
      if convolution.stride != 1 { name += " stride \(convolution.stride.height)" }
      if convolution.groups != 1 { name += " groups \(convolution.groups)" }
      if let method = convolution.method { name += " \(method.rawValue)" }
    }
    switch step.action {
    case .forward: return StepKind(name: name, direction: "forward")
    case .recompute: return StepKind(name: name, direction: "recompute")
    case .backward: return StepKind(name: name, direction: "backward")
    case .add: return StepKind(name: "sum of gradients", direction: "backward")
    case .zero: return StepKind(name: "zero gradient", direction: "backward")
    }
  }
}

extension Program {
  /// The convolution that a node is, and the shape of its filters.
  private func convolution(of node: Node) -> (Conv2D, Shape)? {
    switch node.subject {
    case let convolution as Conv2D: (convolution, node.inputs[1].shape)
    case let normalized as NormalizedConv2D: (normalized.convolution, node.inputs[5].shape)
    default: nil
    }
  }
}

extension Program {
  /// A kind of work on particular shapes: what costs the same wherever it stands in the network.
  public func workCase(of step: Step) -> WorkCase {
    guard let node = step.node.map({ graph.nodes[$0] }) else {
      return WorkCase(kind: kind(of: step), outputs: step.writes.compactMap { $0?.shape })
    }
    let isBackward = if case .backward = step.action { true } else { false }
    return WorkCase(
      kind: kind(of: step), inputs: node.inputs.map(\.shape),
      outputs: node.outputs.map { graph.values[$0.index].shape },
      gradients: isBackward ? step.writes.map { $0 != nil } : [])
  }
}

/// What a step does and on which shapes.
public struct WorkCase: Hashable, Sendable {
  public let kind: StepKind
  /// Of the forward pass, in both directions.
  public let inputs: [Shape]
  public let outputs: [Shape]
  /// For a backward step, whether the gradient at each input is asked for.
  public let gradients: [Bool]

  public init(kind: StepKind, inputs: [Shape] = [], outputs: [Shape], gradients: [Bool] = []) {
    self.kind = kind
    self.inputs = inputs
    self.outputs = outputs
    self.gradients = gradients
  }

  /// `[32, 56, 56, 64] -> [32, 56, 56, 256]`; one shape where input and output are alike.
  public var shapes: String {
    guard let output = outputs.first else { return "" }
    guard let input = inputs.first, input != output else { return "\(output)" }
    return "\(input) -> \(output)"
  }
}

/// An operator in one direction: the lines of a profile.
public struct StepKind: Hashable, Sendable {
  /// `conv2d 3x3 stride 2`, `batch_norm`.
  public let name: String
  /// `forward`, `backward`, or `recompute` for a forward step that the backward pass repeats.
  public let direction: String

  public init(name: String, direction: String) {
    self.name = name
    self.direction = direction
  }
}

extension Graph {
  /// Multiply-adds of one node's forward pass.
  public func multiplyAdds(of node: Node) -> Int {
    node.subject.multiplyAdds(inputs: node.inputs.map(\.shape), outputs: node.outputs.map { values[$0.index].shape })
  }
}
