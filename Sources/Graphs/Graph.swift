import Compute
import Operators

/// What a network computes: values, and the nodes that make them, in an order in which they can run.
///
/// A graph is made by a `Trace`, changed by rewrites, and turned by `Program` into the steps of both passes. It is a
/// value: nothing in it points to memory.
public struct Graph: Sendable {
  public internal(set) var values: [Value] = []
  public internal(set) var nodes: [Node] = []
  public internal(set) var parameters: [ParameterSpec] = []
  public internal(set) var buffers: [BufferSpec] = []
  /// Named results that outlive the run.
  public internal(set) var outputs: [(name: String, operand: Operand)] = []
  /// Values whose gradient is given from outside: the loss, in training.
  public internal(set) var roots: [(name: String, operand: Operand)] = []
  /// Outputs whose gradient is a result too. Where there are any, no other gradients are computed.
  public internal(set) var gradients: [(name: String, operand: Operand)] = []
  /// The last new value of each buffer that this graph updates, by buffer index.
  public internal(set) var bufferUpdates: [Int: ValueID] = [:]

  /// Parameters in all, counted as the papers do: trained numbers, without running statistics.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.count } }

  /// Multiply-adds of the forward pass.
  public var multiplyAdds: Int {
    nodes.reduce(0) { $0 + multiplyAdds(of: $1) }
  }
}

/// Names a value of one graph.
public struct ValueID: Hashable, Sendable {
  public let index: Int
}

/// One tensor of a graph.
public struct Value: Sendable {
  public enum Source: Hashable, Sendable {
    /// Given from outside in every run; its gradient is computed when asked for.
    case input(name: String, wantsGradient: Bool)
    /// A trained parameter, by index.
    case parameter(Int)
    /// A running statistic, by index.
    case buffer(Int)
    /// An output of a node.
    case computed
  }

  public let shape: Shape
  public let source: Source
}

/// A value as a node reads it: the same elements, possibly under another shape. This is all that reshaping is.
public struct Operand: Hashable, Sendable {
  public let value: ValueID
  public let shape: Shape
}

/// One application of an operator.
public struct Node: Sendable {
  /// Where in the network: `layer1.0.conv1`, or for an operator without a name of its own `layer1.0.relu`.
  public let path: String
  public let subject: any Operator
  public var inputs: [Operand]
  public let outputs: [ValueID]
  /// Its number in the trace, which rewrites leave alone: keys what the operator draws.
  public let number: Int

  /// This node with another operator in the same module: `layer1.0.bn1.batch_norm` becomes `layer1.0.bn1.normalize`.
  func replaced(by subject: any Operator, inputs: [Operand], outputs: [ValueID]) -> Node {
    let module = path.split(separator: ".").dropLast().joined(separator: ".")
    return Node(
      path: module.isEmpty ? subject.name : module + "." + subject.name, subject: subject, inputs: inputs,
      outputs: outputs, number: number)
  }
}
