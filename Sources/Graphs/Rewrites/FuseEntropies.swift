import Compute
import Operators

/// Takes both softmax entropies of a map and the mean over its channels, if that is asked for, in one pass:
/// softmax_entropy over the places, softmax_entropy over the channels and mean become softmax_entropies.
public struct FuseEntropies: Rewrite {
  public init() {}

  public var name: String { "fuse_entropies" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph)
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() where !edit.hasChanged(place) {
      guard let x = node.inputs.first, x.shape.rank == 4, Self.entropyAxis(of: node) == 3 else { continue }
      let flat: Shape = [x.shape[0], x.shape[1] * x.shape[2], x.shape[3]]
      let readers = uses.readersInside(of: x.value).filter { !edit.hasChanged($0) }
        .map { (place: $0, node: graph.nodes[$0]) }
      guard let places = readers.first(where: { $0.node.inputs[0].shape == flat && Self.entropyAxis(of: $0.node) == 1 })
      else { continue }
      let mean = readers.first { $0.node.inputs[0] == x && [[3], [-1]].contains(($0.node.subject as? Mean)?.axes) }
      // Without the mean its output is a value that nobody reads.
      let means = mean?.node.outputs ?? [edit.newValue([x.shape[0], x.shape[1], x.shape[2], 1]).value]
      let taken = [place, places.place] + (mean.map { [$0.place] } ?? [])
      for other in taken { edit.remove(other) }
      edit.replace(
        taken.min() ?? place,
        by: node.replaced(
          by: SoftmaxEntropies(), inputs: [x], outputs: places.node.outputs + node.outputs + means))
    }
    return edit.graph
  }

  /// The axis, counted from the start, that the node takes an entropy along.
  private static func entropyAxis(of node: Node) -> Int? {
    (node.subject as? SoftmaxEntropy).map { $0.axis < 0 ? node.inputs[0].shape.rank + $0.axis : $0.axis }
  }
}
