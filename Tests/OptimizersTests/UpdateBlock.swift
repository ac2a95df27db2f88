import Compute
import Optimizers

/// The blocks of one optimizer in arrays.
struct UpdateBlock {
  var parameters: [Float]
  var gradients: [Float] = []
  var states: [[Float]]

  init(_ parameters: [Float], rule: any Optimizer) {
    self.parameters = parameters
    states = rule.stateBlocks.map { _ in [Float](repeating: 0, count: parameters.count) }
  }

  mutating func update(
    _ rule: any Optimizer, _ layout: ParameterLayout, step: Int, rate: Double, scale: Float = 1,
    limit: Float = .infinity, momentum: Double? = nil, workers: Int = 1
  ) {
    let count = parameters.count
    let memory = ([parameters, gradients] + states).map { values in
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: count)
      pointer.initialize(from: values, count: count)
      return pointer
    }
    let call = UpdateCall(
      layout: layout, parameters: memory[0], gradients: UnsafePointer(memory[1]), states: Array(memory[2...]),
      step: step, rate: rate, gradientScale: scale, gradientLimit: limit, momentum: momentum,
      norms: rule.takesTensorNorms ? TensorNorms(layout) : nil)
    WorkerTeam(count: workers).run { worker in rule.step(call, worker) }
    let after = memory.map { Array(UnsafeBufferPointer(start: $0, count: count)) }
    for pointer in memory { pointer.deallocate() }
    parameters = after[0]
    states = Array(after[2...])
  }
}
