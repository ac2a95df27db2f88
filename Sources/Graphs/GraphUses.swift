/// Who reads each value of a graph: what a rewrite must know before it lets a value disappear.
struct GraphUses {
  private var places: [ValueID: [Int]] = [:]
  /// Values that somebody outside the nodes reads: results, roots, new running statistics.
  private var outside: Set<ValueID>

  init(_ graph: Graph) {
    outside = Set(graph.outputs.map(\.operand.value) + graph.roots.map(\.operand.value))
    outside.formUnion(graph.bufferUpdates.values)
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.inputs { places[operand.value, default: []].append(index) }
    }
  }

  /// The nodes that read `value`, once for each time; others may read it too.
  func readersInside(of value: ValueID) -> [Int] { places[value] ?? [] }

  /// The nodes that read `value`, when nobody outside does.
  func readers(of value: ValueID) -> [Int]? { outside.contains(value) ? nil : readersInside(of: value) }

  /// The node that alone reads `value`, once; `nil` where there are others or somebody outside.
  func onlyReader(of value: ValueID) -> Int? {
    guard let readers = readers(of: value), readers.count == 1 else { return nil }
    return readers[0]
  }
}

extension Graph {
  /// The node that makes each value.
  var makers: [ValueID: Int] {
    var makers: [ValueID: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs { makers[output] = index }
    }
    return makers
  }
}

/// Nodes taken out of a graph and put in the place of others, by their places in the graph as it was.
struct GraphEdit {
  private let original: Graph
  private var replacements: [Int: [Node]] = [:]

  init(_ graph: Graph) { original = graph }

  /// Whether the node at `place` is no longer there as it was.
  func hasChanged(_ place: Int) -> Bool { replacements[place] != nil }

  mutating func remove(_ place: Int) { replacements[place] = [] }

  mutating func replace(_ place: Int, by nodes: Node...) { replacements[place] = nodes }

  mutating func append(_ node: Node, at place: Int) { replacements[place, default: []].append(node) }

  /// The graph with all changes.
  var graph: Graph {
    var result = original
    result.nodes = original.nodes.enumerated().flatMap { replacements[$0.offset] ?? [$0.element] }
    return result
  }
}
