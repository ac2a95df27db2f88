/// A change to a graph that leaves its results alone. Each can be switched off, and a test holds both forms together.
public protocol Rewrite: Sendable {
  /// The name under which a run switches it off.
  var name: String { get }
  func apply(to graph: Graph) -> Graph
}
