import Operators

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

  /// The activation that alone reads the first output of the node at `place`, and where it is; the node itself and no
  /// activation where there is none.
  func activation(after place: Int, in graph: Graph) -> (last: Int, activation: Clamp) {
    guard let reader = onlyReader(of: graph.nodes[place].outputs[0]), let clamp = Clamp(graph.nodes[reader].subject) else {
      return (place, .identity)
    }
    return (reader, clamp)
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
