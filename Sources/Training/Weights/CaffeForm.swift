import Communication
import Graphs
import Operators

/// Bottleneck networks that were published for Caffe share the names and shapes of their tensors with those of today and
/// compute something else with them: the last windows of the stem's pooling hang over the end, and the first 1x1
/// convolution of a stage has its stride, not the 3x3. Loaded into the wrong form they are wrong by a few per cent, which
/// nobody would see.
public struct CaffeFormError: Error, Hashable, Sendable, CustomStringConvertible {
  let path: String

  public var description: String {
    "\(path.oneLine()): its names (layer0.conv1, …) are those of networks published for Caffe, whose stem and strides differ"
      + " from this network's: `stem: caffe` and `strides_first: true` in the section `model` make it theirs"
  }
}

extension WeightFile {
  /// - Throws: `CaffeFormError` where the names are those of the form for Caffe and `network` has today's.
  public func checkForm(of network: Graph) throws {
    guard file.names.contains(where: { $0.hasSuffix("layer0.conv1.weight") }),
      let stride = network.stageStride, stride == 1 || !network.poolsBeyondTheEnd
    else { return }
    throw CaffeFormError(path: file.path)
  }
}

extension Graph {
  fileprivate var poolsBeyondTheEnd: Bool { nodes.contains { ($0.subject as? MaxPool2D)?.ceilMode == true } }

  /// By how much the first convolution of a bottleneck's second stage makes its map smaller; nil where there is none.
  fileprivate var stageStride: Int? {
    guard let index = parameters.firstIndex(where: { $0.path == "layer2.0.conv1.weight" && $0.shape[1] == 1 }),
      let node = nodes.first(where: { node in
        node.inputs.contains { values[$0.value.index].source == .parameter(index) }
      }), let x = node.inputs.first, x.shape.rank == 4
    else { return nil }
    return x.shape[1] / values[node.outputs[0].index].shape[1]
  }
}
