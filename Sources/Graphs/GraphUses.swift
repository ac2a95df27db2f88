/// Who reads each value of a graph: what a rewrite must know before it lets a value disappear.
struct GraphUses {
  private var readers: [ValueID: [Int]] = [:]
  /// Values that somebody outside the nodes reads: results, roots, new running statistics.
  private var outside: Set<ValueID>

  init(_ graph: Graph) {
    outside = Set(graph.outputs.map(\.operand.value) + graph.roots.map(\.operand.value))
    outside.formUnion(graph.bufferUpdates.values)
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.inputs { readers[operand.value, default: []].append(index) }
    }
  }

  /// The node that alone reads `value`, once; `nil` where there are others or somebody outside.
  func onlyReader(of value: ValueID) -> Int? {
    guard !outside.contains(value), let places = readers[value], places.count == 1 else { return nil }
    return places[0]
  }
}
