import Compute
import Operators

/// Leaves a norm to the gates behind it, where they alone read its result: normalize_squeeze becomes normalized_squeeze,
/// which writes no y, and gated_channel_squeeze and gated_residual read x through the norm. Works after
/// `FuseNormalizeSqueeze`.
///
/// Saves a write of the normalised activation, its memory, where that is short computing it again on the way back, and a
/// reading of x and dy for their sums.
public struct DeferNormToGates: Rewrite {
  public init() {}

  public var name: String { "defer_norm_to_gates" }

  public func apply(to graph: Graph) -> Graph {
    // Gradients of outputs come without those of parameters, which the sums are taken from.
    guard graph.gradients.isEmpty else { return graph }
    let uses = GraphUses(graph)
    var edit = GraphEdit(graph)
    for (place, node) in graph.nodes.enumerated() {
      guard let norm = node.subject as? NormalizeSqueeze, let readers = uses.readers(of: node.outputs[0]) else { continue }
      let gates = readers.compactMap { Self.normalizing(graph.nodes[$0], node) }
      guard gates.count == readers.count, Self.ownsParameters(node, graph, uses) else { continue }
      let centered = edit.newValue(graph.shape(of: node.outputs[1]))
      edit.replace(
        place,
        by: node.replaced(
          by: NormalizedSqueeze(hasMaximum: norm.hasMaximum), inputs: node.inputs,
          outputs: node.outputs.dropFirst() + [centered.value]))
      for (reader, gate) in zip(readers, gates) { edit.replace(reader, by: gate) }
    }
    return edit.graph
  }

  /// A gate of y as a gate of x; `nil` for any other reader of y.
  private static func normalizing(_ reader: Node, _ norm: Node) -> Node? {
    let y = norm.outputs[0], others = reader.inputs.dropFirst()
    guard reader.inputs[0].value == y, reader.inputs[0].shape == norm.inputs[0].shape,
      !others.contains(where: { $0.value == y })
    else { return nil }
    let subject: (any Operator)? =
      switch reader.subject {
      case let gate as GatedResidual: gate.normalizing
      case is GatedChannelSqueeze: GatedChannelSqueeze(normalizes: true)
      default: nil
      }
    return subject.map {
      reader.replaced(by: $0, inputs: [norm.inputs[0]] + others + norm.inputs[1...4], outputs: reader.outputs)
    }
  }

  /// Whether weight and bias are parameters that nobody else reads: their gradients are then the sums of this norm alone.
  private static func ownsParameters(_ norm: Node, _ graph: Graph, _ uses: GraphUses) -> Bool {
    norm.inputs[1...2].allSatisfy {
      if case .parameter = graph.values[$0.value.index].source { uses.onlyReader(of: $0.value) != nil } else { false }
    }
  }
}

extension Graph {
  fileprivate func shape(of value: ValueID) -> Shape { values[value.index].shape }
}
