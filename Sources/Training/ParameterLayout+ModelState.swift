import Graphs
import Optimizers

extension ParameterLayout {
  /// How the parameters of a model are updated, tensor by tensor.
  /// - Parameters:
  ///   - decaysEverything: whether weight decay applies to norms and biases too.
  ///   - layerDecay: how the rate falls towards the stem; `nil` for one rate.
  public init(_ state: ModelState, decaysEverything: Bool, layerDecay: LayerDecay?) {
    let specs = state.specs
    let scales = layerDecay.map { decay in
      decay.rateScales(of: specs.map { LayerDecay.Parameter(path: $0.path, decays: $0.decays) })
    }
    let classifier = specs.last.map { Self.module($0.path) }
    let tensors = specs.enumerated().map { index, spec in
      // The state is laid out for the very parameters that were traced.
      let range = state.layout.parameter(spec.path)!.range
      return ParameterTensor(
        ParameterGroup(range, decays: decaysEverything || spec.decays, rateScale: scales?[index] ?? 1),
        units: OutputUnits(fileShape: spec.fileLayout.shape, axes: spec.fileLayout.axes),
        isClassifier: Self.module(spec.path) == classifier)
    }
    self.init(tensors: tensors)
  }

  /// The path of the module that has the parameter: `layer1.0.conv1`.
  private static func module(_ path: String) -> Substring { path[..<(path.lastIndex(of: ".") ?? path.startIndex)] }
}
