import Compute
import Operators

/// Takes the end of a residual block with attention together: x · gate (· map) + shortcut, relu become gated_residual,
/// and so do x · gate + x · map + shortcut, relu. The maximum and mean over the channels of x · gate, which a map is made
/// from, become gated_channel_squeeze.
///
/// Works before `FuseNormalization`, which would give a projected shortcut's norm the sum and leave the gates alone.
public struct FuseGatedResidual: Rewrite {
  public init() {}

  public var name: String { "fuse_gated_residual" }

  public func apply(to graph: Graph) -> Graph {
    let uses = GraphUses(graph), makers = graph.makers
    var edit = GraphEdit(graph)
    // From the end: the outer of two sums may take the inner one with it.
    for (place, node) in graph.nodes.enumerated().reversed()
    where node.subject is Add && node.inputs[0].shape == node.inputs[1].shape && !edit.hasChanged(place) {
      guard let branch = node.inputs.indices.lazy.compactMap({ Branch(node, $0, graph, uses, makers) }).first else { continue }
      let (last, activation) = uses.activation(after: place, in: graph)
      let subject = GatedResidual(
        activation, hasChannelGate: branch.channelGate != nil, hasSpatialGate: branch.map != nil,
        addsGates: branch.addsGates)
      let inputs = [branch.x, branch.shortcut] + [branch.channelGate, branch.map].compactMap { $0 }
      for taken in branch.taken + [place] { edit.remove(taken) }
      if let squeeze = branch.squeeze {
        let (maximum, mean) = (graph.nodes[squeeze.maximum], graph.nodes[squeeze.mean])
        edit.remove(max(squeeze.maximum, squeeze.mean))
        edit.replace(
          min(squeeze.maximum, squeeze.mean),
          by: maximum.replaced(
            by: GatedChannelSqueeze(), inputs: [branch.x, branch.channelGate!], outputs: maximum.outputs + mean.outputs))
      }
      edit.replace(last, by: node.replaced(by: subject, inputs: inputs, outputs: graph.nodes[last].outputs))
    }
    return edit.graph
  }

  /// The gated operand of a sum: x, its gates, and the nodes that go into the pass.
  private struct Branch {
    let x: Operand
    let shortcut: Operand
    private(set) var channelGate: Operand?
    private(set) var map: Operand?
    private(set) var taken: [Int]
    private(set) var squeeze: (maximum: Int, mean: Int)?
    private(set) var addsGates = false

    init?(_ sum: Node, _ operand: Int, _ graph: Graph, _ uses: GraphUses, _ makers: [ValueID: Int]) {
      let shape = sum.inputs[operand].shape
      guard let outer = makers[sum.inputs[operand].value], uses.onlyReader(of: sum.inputs[operand].value) != nil else {
        return nil
      }
      shortcut = sum.inputs[1 - operand]
      if let (x, channelGate, map, products) = Self.addedGates(graph.nodes[outer], graph, uses, makers) {
        (self.x, self.channelGate, self.map, addsGates) = (x, channelGate, map, true)
        taken = products + [outer]
        return
      }
      guard let (gated, gate) = Self.factors(graph.nodes[outer], shape) else { return nil }
      taken = [outer]
      guard gate.shape.isSpatialGate(of: shape) else {
        (x, channelGate) = (gated, gate)
        return
      }
      map = gate
      // The map was made from x · channel gate, which then need not be written at all.
      if let inner = makers[gated.value], let (x, channelGate) = Self.factors(graph.nodes[inner], shape),
        channelGate.shape.isChannelGate(of: shape),
        let squeeze = Self.squeeze(of: gated.value, besides: outer, graph, uses)
      {
        (self.x, self.channelGate, self.squeeze) = (x, channelGate, squeeze)
        taken.append(inner)
      } else {
        x = gated
      }
    }

    /// The activation and the gate of a product.
    private static func factors(_ node: Node, _ shape: Shape) -> (x: Operand, gate: Operand)? {
      guard node.subject is Multiply, shape.rank == 4 else { return nil }
      for (x, gate) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
      where x.shape == shape && (gate.shape.isChannelGate(of: shape) || gate.shape.isSpatialGate(of: shape)) {
        return (x, gate)
      }
      return nil
    }

    /// The parts of x · gate + x · map, when nobody else reads the two products.
    private static func addedGates(
      _ node: Node, _ graph: Graph, _ uses: GraphUses, _ makers: [ValueID: Int]
    ) -> (x: Operand, channelGate: Operand, map: Operand, products: [Int])? {
      guard node.subject is Add, let shape = node.inputs.first?.shape, node.inputs[1].shape == shape else { return nil }
      let products = node.inputs.compactMap { makers[$0.value] }.filter { uses.onlyReader(of: graph.nodes[$0].outputs[0]) != nil }
      let parts = products.compactMap { factors(graph.nodes[$0], shape) }
      guard parts.count == 2, parts[0].x == parts[1].x,
        let channelGate = parts.first(where: { $0.gate.shape.isChannelGate(of: shape) })?.gate,
        let map = parts.first(where: { $0.gate.shape.isSpatialGate(of: shape) })?.gate
      else { return nil }
      return (parts[0].x, channelGate, map, products)
    }

    /// Maximum and mean over the channels, when they and `other` are all who read `value`.
    private static func squeeze(
      of value: ValueID, besides other: Int, _ graph: Graph, _ uses: GraphUses
    ) -> (maximum: Int, mean: Int)? {
      guard let readers = uses.readers(of: value), readers.count == 3, readers.contains(other) else { return nil }
      func reducesChannels(_ axes: [Int]) -> Bool { axes == [3] || axes == [-1] }
      let maximum = readers.first { (graph.nodes[$0].subject as? Max).map { reducesChannels($0.axes) } == true }
      let mean = readers.first { (graph.nodes[$0].subject as? Mean).map { reducesChannels($0.axes) } == true }
      guard let maximum, let mean else { return nil }
      return (maximum, mean)
    }
  }
}
