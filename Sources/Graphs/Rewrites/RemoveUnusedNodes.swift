/// Drops nodes whose results nobody reads: a module may compute what its host then ignores.
public struct RemoveUnusedNodes: Rewrite {
  public init() {}

  public var name: String { "remove_unused_nodes" }

  public func apply(to graph: Graph) -> Graph {
    var needed = Set(graph.outputs.map(\.operand.value) + graph.roots.map(\.operand.value))
    needed.formUnion(graph.bufferUpdates.values)
    var kept: [Node] = []
    for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
      needed.formUnion(node.inputs.map(\.value))
      kept.append(node)
    }
    var result = graph
    result.nodes = kept.reversed()
    return result
  }
}
