import Compute
import Configuration
import Graphs
import Layers
import Models

/// A network of the catalogue, traced.
struct NetworkTrace {
  let graph: Graph

  /// - Parameters:
  ///   - attention: a name of the attention catalogue, or a name and options.
  ///   - options: the network's own.
  ///   - imageSize: the side of the images; the network's own when `nil`.
  init(
    _ name: String, attention: [String: ConfigValue]? = nil, options: [String: ConfigValue] = [:], classes: Int? = nil,
    batch: Int = 2, imageSize: Int? = nil, mode: Trace.Mode = .training
  ) throws {
    var options = options
    options["name"] = .string(name)
    if let attention { options["attention"] = .section(attention) }
    let entry = ModelCatalog.entries[name]!
    let classes = classes ?? entry.classes, size = imageSize ?? entry.imageSize
    let section = ConfigSection(options)
    let network = try ModelCatalog.network(section, classes: classes)
    try section.finish()
    let trace = Trace(mode: mode)
    let logits = network(trace.input("images", [batch, size, size, 3], wantsGradient: mode == .training))
    trace.output("logits", logits)
    if mode == .training { trace.root("logits", logits) }
    graph = try trace.finish()
  }

  /// Shapes of the parameters as files have them, by name.
  var fileShapes: [String: [Int]] {
    Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.path, $0.fileLayout.shape) })
  }
}

/// Everything that a training step leaves: logits, the gradient of the images, new statistics and gradients.
func stepResults(_ plan: Plan, workers: Int, interpreted: Bool = false) throws -> (bits: [[Float]], state: ModelState) {
  let team = WorkerTeam(count: workers)
  let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
  var stream = RandomStream(RandomKey(2))
  // Norms that start at zero would hide the gradients of what lies before them.
  for index in 0..<state.values.count { state.values[index] += stream.uniform(-0.05, 0.05) }
  for buffer in plan.program.graph.buffers where buffer.initialValue == 0 && buffer.constant == nil {
    state.view(buffer.path)!.assign([Float](repeating: 0, count: buffer.shape.count))
  }
  let runner: any Runner =
    interpreted
    ? Interpreter(plan, state: state, team: team)
    : PlanRunner(plan, state: state, team: team, arena: try Arena(byteCount: plan.arena.byteCount))
  for view in [runner.input("images"), runner.seed("logits")] {
    view.assign((0..<view.count).map { _ in stream.uniform(-1, 1) })
  }
  try runner.forward(random: RandomKey(3))
  try runner.backward(bucketReady: nil)
  // Views do not keep alive what they look at.
  return withExtendedLifetime((runner, state)) {
    ([runner.output("logits").array, runner.inputGradient("images").array, state.gradients.array], state)
  }
}
