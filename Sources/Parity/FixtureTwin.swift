import Graphs
import Layers

/// Our own build of what a fixture's reference is: from its inputs to its outputs, in the order of their numbers.
public struct FixtureTwin {
  public let outputs: ([Tensor]) -> [Tensor]

  public init(_ outputs: @escaping ([Tensor]) -> [Tensor]) { self.outputs = outputs }

  /// A module from the one input to the one output.
  public init(_ module: any Module) { self.init { inputs in inputs.prefix(1).map { module($0) } } }
}
