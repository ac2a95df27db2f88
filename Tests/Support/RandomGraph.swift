import Compute
import Graphs
import Operators

/// A random network over a few operators, with skips, gates, shared parameters and values used twice: what the planner
/// has to lay out, without what makes a network useful.
public func randomGraph(seed: Int, mode: Trace.Mode = .training) throws -> Graph {
  var stream = RandomStream(RandomKey(UInt64(seed)).appending("graph"))
  let trace = Trace(mode: mode)
  let batch = 1 + stream.integer(below: 3), side = 3 + stream.integer(below: 5)
  var tensors = [trace.input("images", [batch, side, side, 4], wantsGradient: true)]
  func parameter(_ name: String, _ shape: Shape) -> Tensor {
    trace.parameter(
      name, shape,
      initializer: Initializer("uniform") { memory, stream in
        for index in memory.indices { memory[index] = stream.uniform(-0.5, 0.5) }
      }, decays: true)
  }
  for layer in 0..<(4 + stream.integer(below: 12)) {
    let x = tensors[stream.integer(below: tensors.count)], y = tensors[stream.integer(below: tensors.count)]
    let next: Tensor
    switch stream.integer(below: 7) {
    case 0:
      next = x.applying(
        Conv2D(padding: 1), with: [parameter("conv\(layer).weight", [4, 3, 3, 4]), parameter("conv\(layer).bias", [4])])
    case 1: next = x.applying(ReLU())
    case 2: next = x.applying(Add(), with: [y])
    case 3: next = x.applying(Multiply(), with: [x.applying(Mean(over: [1, 2])).applying(Sigmoid())])
    case 4: next = x.reshaped(batch, side * side, 4).applying(Linear(), with: [parameter("fc\(layer).weight", [4, 4])])
      .reshaped(batch, side, side, 4)
    case 5: next = x.applying(Multiply(), with: [x])
    default: next = x.applying(Tanh())
    }
    tensors.append(next)
  }
  let result = tensors.suffix(3).dropFirst().reduce(tensors[tensors.count - 3]) { $0.applying(Add(), with: [$1]) }
  trace.output("result", result)
  trace.root("result", result.applying(Tanh()))
  return try trace.finish()
}
