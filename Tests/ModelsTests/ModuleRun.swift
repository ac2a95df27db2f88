import Attention
import Compute
import Configuration
import Foundation
import Graphs
import Layers
import Testing

/// An attention module alone, run once for inference with random parameters and running statistics.
struct ModuleRun {
  let shape: Shape
  /// `[N, H, W, C]`, as it lies in memory.
  let input: [Float]
  let output: [Float]
  /// Parameters and running statistics by name, as they lie in memory.
  let values: [String: [Float]]

  init(_ options: [String: ConfigValue], _ shape: Shape) throws {
    let slot = try #require(try AttentionCatalog.slot(ConfigSection(options)))
    let module = try #require(slot.module(AttentionSite(host: "", stage: 1, place: slot.place)))
    let trace = Trace(mode: .inference)
    trace.output("y", module(trace.input("x", shape)))
    let plan = Plan(try trace.finish(), workers: 2)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    var stream = RandomStream(RandomKey(2)), values: [String: [Float]] = [:]
    for entry in plan.layout.parameters + plan.layout.buffers {
      let view = try #require(state.view(entry.path)), isVariance = entry.path.hasSuffix("running_var")
      values[entry.path] = (0..<view.count).map { _ in stream.uniform(isVariance ? 0.5 : -1, isVariance ? 1.5 : 1) }
      view.assign(values[entry.path]!)
    }
    let runner = PlanRunner(
      plan, state: state, team: WorkerTeam(count: 2), arena: try Arena(byteCount: plan.arena.byteCount))
    input = (0..<shape.count).map { _ in stream.uniform(-1, 1) }
    runner.input("x").assign(input)
    runner.forward(random: RandomKey(3))
    output = withExtendedLifetime((runner, state)) { runner.output("y").array }
    self.shape = shape
    self.values = values
  }

  subscript(name: String) -> [Double] { values[name]!.map(Double.init) }
  var positions: Int { shape[1] * shape[2] }
  var channels: Int { shape[3] }

  /// The channels of one image's position.
  func pixel(_ image: Int, _ position: Int) -> [Double] {
    let start = (image * positions + position) * channels
    return input[start..<start + channels].map(Double.init)
  }

  /// The mean of each channel of an image.
  func means(_ image: Int) -> [Double] {
    (0..<channels).map { c in
      (0..<positions).reduce(0) { $0 + pixel(image, $1)[c] } / Double(positions)
    }
  }

  /// The largest |found - wanted| over the output, `wanted` being an image's pixels in order.
  func error(_ wanted: (_ image: Int) -> [[Double]]) -> Double {
    let all = (0..<shape[0]).flatMap { wanted($0).flatMap { $0 } }
    guard all.count == output.count else { return .infinity }
    return zip(output, all).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
  }
}

func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
