import Operators

/// Takes what a channel gate looks at, mean and maximum over the places, while the norm before it is written:
/// normalize, mean, max become normalize_squeeze. Works after `FuseNormalization`.
public struct FuseNormalizeSqueeze: Rewrite {
  public init() {}

  public var name: String { "fuse_normalize_squeeze" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph)
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let norm = node.subject as? Normalize, norm == Normalize(), node.inputs[0].shape.rank == 4 else { continue }
      let readers = uses.readersInside(of: node.outputs[0]).filter { graph.nodes[$0].inputs[0].shape == node.inputs[0].shape }
      let mean = readers.first { (graph.nodes[$0].subject as? Mean)?.axes == [1, 2] }
      let maximum = readers.first { (graph.nodes[$0].subject as? Max)?.axes == [1, 2] }
      guard let mean else { continue }
      let results = node.outputs + graph.nodes[mean].outputs + (maximum.map { graph.nodes[$0].outputs } ?? [])
      edit.replace(
        place,
        by: node.replaced(by: NormalizeSqueeze(hasMaximum: maximum != nil), inputs: node.inputs, outputs: results))
      for taken in [mean, maximum].compactMap({ $0 }) { edit.remove(taken) }
    }
    return edit.graph
  }
}
