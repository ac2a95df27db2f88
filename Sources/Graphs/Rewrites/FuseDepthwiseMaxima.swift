import Operators

/// Takes the maxima of a blurred map while it is blurred: a depth-wise convolution of which nothing but the maximum over
/// the places and the maximum over the channels is read becomes depthwise_maxima, and its result is never written.
public struct FuseDepthwiseMaxima: Rewrite {
  public init() {}

  public var name: String { "fuse_depthwise_maxima" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph)
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let convolution = node.subject as? DepthwiseConv2D,
        let subject = DepthwiseMaxima(of: convolution, inputs: node.inputs.map(\.shape)),
        let readers = uses.readers(of: node.outputs[0]), readers.count == 2
      else { continue }
      func reader(over axes: [Int], or others: [Int]) -> Int? {
        readers.first { index in
          let reader = graph.nodes[index]
          guard let maximum = reader.subject as? Max, reader.inputs[0].shape.rank == 4 else { return false }
          return maximum.axes == axes || maximum.axes == others
        }
      }
      guard let places = reader(over: [1, 2], or: [2, 1]), let channels = reader(over: [3], or: [-1]) else { continue }
      let results = graph.nodes[places].outputs + graph.nodes[channels].outputs
      edit.replace(place, by: node.replaced(by: subject, inputs: node.inputs, outputs: results))
      edit.remove(places)
      edit.remove(channels)
    }
    return edit.graph
  }
}
