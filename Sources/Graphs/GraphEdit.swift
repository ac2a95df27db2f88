import Compute

/// What a rewrite changes: nodes taken out of a graph and put in the place of others, by their places in the graph as it
/// was.
struct GraphEdit {
  let original: Graph
  private var replacements: [Int: [Node]] = [:]
  private var newValues: [Value] = []

  init(_ graph: Graph) { original = graph }

  /// Whether the node at `place` is no longer there as it was.
  func hasChanged(_ place: Int) -> Bool { replacements[place] != nil }

  /// A value that the graph did not have, for a new node to compute.
  mutating func newValue(_ shape: Shape) -> Operand {
    newValues.append(Value(shape: shape, source: .computed))
    return Operand(value: ValueID(index: original.values.count + newValues.count - 1), shape: shape)
  }

  mutating func remove(_ place: Int) { replacements[place] = [] }

  mutating func replace(_ place: Int, by nodes: Node...) { replacements[place] = nodes }

  mutating func append(_ node: Node, at place: Int) { replacements[place, default: []].append(node) }

  /// The graph with all changes.
  var graph: Graph {
    var result = original
    result.values += newValues
    result.nodes = original.nodes.enumerated().flatMap { replacements[$0.offset] ?? [$0.element] }
    return result
  }
}
