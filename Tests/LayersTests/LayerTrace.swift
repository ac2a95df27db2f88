import Compute
import Graphs
import Layers

/// What a layer leaves in a trace, and how its state starts.
struct LayerTrace {
  let graph: Graph
  let output: Shape

  init(
    _ shape: Shape = [2, 6, 6, 8], mode: Trace.Mode = .training, _ layer: (Tensor) -> Tensor
  ) throws {
    let trace = Trace(mode: mode)
    let result = layer(trace.input("x", shape, wantsGradient: mode == .training))
    trace.output("y", result)
    if mode == .training { trace.root("y", result) }
    graph = try trace.finish()
    output = result.shape
  }

  /// Parameters by name: the shape in files.
  var fileShapes: [String: [Int]] {
    Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.path, $0.fileLayout.shape) })
  }

  func parameter(_ path: String) -> ParameterSpec { graph.parameters.first { $0.path == path }! }

  /// The names of the operators, in order.
  var operators: [String] { graph.nodes.map(\.subject.name) }

  /// The values of a parameter or running statistic at the start.
  func start(_ path: String, seed: UInt64 = 1) throws -> [Float] {
    let program = Program(graph)
    let state = try ModelState(program, layout: StateLayout(program), key: RandomKey(seed))
    // A view does not keep alive what it looks at.
    return withExtendedLifetime(state) { state.view(path)!.array }
  }
}

/// Mean, deviation and bounds of a sample.
struct Moments {
  let mean, deviation: Double
  let least, most: Float

  init(_ values: [Float]) {
    let sum = values.reduce(0) { $0 + Double($1) }, mean = sum / Double(values.count)
    self.mean = mean
    let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    deviation = (squares / Double(values.count)).squareRoot()
    (least, most) = (values.min()!, values.max()!)
  }
}
