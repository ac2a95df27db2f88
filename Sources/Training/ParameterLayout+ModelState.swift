import Graphs
import Optimizers

extension ParameterLayout {
  /// How the parameters of a model are updated, tensor by tensor.
  /// - Parameters:
  ///   - decaysEverything: whether weight decay applies to norms and biases too.
  ///   - layerDecay: how the rate falls towards the stem; `nil` for one rate.
  public init(_ state: ModelState, decaysEverything: Bool, layerDecay: LayerDecay?) {
    let specs = state.specs
    let scales = layerDecay?.rateScales(of: specs.map(LayerDecay.Parameter.init))
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

extension LayerDecay.Parameter {
  public init(_ spec: ParameterSpec) { self.init(path: spec.path, decays: spec.decays) }
}

extension LayerDecay {
  /// For the log: `layer decay 0.75: 10 layers, from conv1.weight (rate x 0.0751) to fc.weight (x 1)`.
  func sentence(_ specs: [ParameterSpec]) -> String {
    let table = table(of: specs.map(Parameter.init))
    guard let stem = table.first, let head = table.last else { return "layer decay \(decay): no parameters" }
    return "layer decay \(decay): \(table.count.of("layer")), from \(stem.first) (rate x "
      + "\(NumberText.significant(stem.rateScale, digits: 3))) to \(head.first) (x \(head.rateScale))"
  }
}
