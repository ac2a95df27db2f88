import Compute
import Operators

/// The checks behind `OperatorCase.check()`.
struct OperatorRun {
  let subject: any Operator
  let tolerance: Double
  let inputs: [[Float]]
  let inputShapes: [Shape]
  let outputShapes: [Shape]
  let reference: ([DoubleTensor]) -> [DoubleTensor]
  /// The gradient at each output, `nil` where the output carries none.
  private let gradients: [[Float]?]

  init(_ declared: OperatorCase, outputs: [Shape]) {
    subject = declared.subject
    tolerance = declared.tolerance
    inputShapes = declared.inputs
    outputShapes = outputs
    reference = declared.reference
    var stream = RandomStream(RandomKey(7).appending(declared.description))
    var inputs = declared.inputs.indices.map { input in
      (0..<declared.inputs[input].count).map { _ in declared.fill(input, &stream) }
    }
    declared.derive(&inputs)
    self.inputs = inputs
    gradients = outputs.indices.map { output in
      guard declared.outputsWithGradient?.contains(output) != false else { return nil }
      return (0..<outputs[output].count).map { _ in stream.uniform(-1, 1) }
    }
  }

  private var exactInputs: [DoubleTensor] {
    zip(inputShapes, inputs).map { DoubleTensor($0, $1.map(Double.init)) }
  }

  func checkForward() -> [String] {
    var failures: [String] = []
    let single = forward(workers: 1)
    for (k, wanted) in reference(exactInputs).enumerated() {
      if wanted.shape.count != outputShapes[k].count {
        failures.append("output \(k) has shape \(outputShapes[k]), the twin's \(wanted.shape)")
        continue
      }
      failures += compare(single[k], wanted.values, "output \(k)")
    }
    for workers in [2, 3] where forward(workers: workers) != single {
      failures.append("the outputs of \(workers) workers differ from those of one")
    }
    if let input = subject.inPlace.forward, inputShapes[input].count == outputShapes[0].count,
      forward(workers: 2, inPlace: true) != single
    {
      failures.append("in place, the output differs")
    }
    return failures
  }

  func checkBackward() -> [String] {
    let differentiable = inputShapes.indices.filter { subject.isDifferentiable(input: $0) }
    if differentiable.isEmpty { return [] }
    var failures: [String] = []
    let outputs = forward(workers: 1)
    let single = backward(outputs, asking: differentiable, workers: 1)
    for input in differentiable {
      let (positions, wanted) = numericGradient(of: input)
      let scale = max(single[input]!.reduce(0) { max($0, abs(Double($1))) }, 1e-3)
      for (position, derivative) in zip(positions, wanted) {
        let found = Double(single[input]![position])
        if !(abs(found - derivative) <= tolerance * max(scale, 1)) {
          failures.append("gradient \(input)[\(inputShapes[input].index(of: position))] is \(found), by differences \(derivative)")
          break
        }
      }
      let alone = backward(outputs, asking: [input], workers: 1)[input]!
      failures += compare(alone, single[input]!.map(Double.init), "gradient \(input) asked for alone")
      guard subject.accumulatesGradient(atInput: input) else { continue }
      let added = backward(outputs, asking: [input], workers: 2, initial: 0.5)[input]!
      failures += compare(added, single[input]!.map { Double($0) + 0.5 }, "accumulated gradient \(input)")
    }
    for workers in [2, 3] where backward(outputs, asking: differentiable, workers: workers) != single {
      failures.append("the gradients of \(workers) workers differ from those of one")
    }
    if let input = subject.inPlace.backward, differentiable.contains(input),
      inputShapes[input].count == outputShapes[0].count,
      backward(outputs, asking: differentiable, workers: 2, inPlace: true)[input] != single[input]
    {
      failures.append("in place, the gradient of input \(input) differs")
    }
    return failures
  }

  private func compare(_ found: [Float], _ wanted: [Double], _ what: String) -> [String] {
    let deviation = Deviation(of: found, from: wanted, floor: 1e-3)
    guard deviation.relative <= tolerance else {
      return ["\(what)[\(deviation.index)] is \(deviation.found), wanted \(deviation.wanted) (off by \(deviation.relative))"]
    }
    return []
  }

  /// Central differences of the twin, in double: f(x + h) - f(x - h) over 2h at up to 48 positions.
  private func numericGradient(of input: Int) -> ([Int], [Double]) {
    let count = inputs[input].count, h = 1e-5
    var stream = RandomStream(RandomKey(11).appending(input))
    let positions = count <= 48 ? Array(0..<count) : (0..<48).map { _ in stream.integer(below: count) }
    func loss(_ arguments: [DoubleTensor]) -> Double {
      zip(reference(arguments), gradients).reduce(0) { total, pair in
        total + zip(pair.0.values, pair.1 ?? []).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
    }
    return (
      positions,
      positions.map { position in
        var arguments = exactInputs
        arguments[input].values[position] += h
        let above = loss(arguments)
        arguments[input].values[position] -= 2 * h
        return (above - loss(arguments)) / (2 * h)
      }
    )
  }

  private func forward(workers: Int, inPlace: Bool = false) -> [[Float]] {
    var memory = Memory()
    let views = zip(inputShapes, inputs).map { memory.view($0, $1) }
    let results = outputShapes.enumerated().map { k, shape in
      inPlace && k == 0 ? views[subject.inPlace.forward!].reshaped(shape) : memory.view(shape)
    }
    let call = ForwardCall(inputs: views, outputs: results, context: memory.context(subject, .forward, inputShapes, outputShapes, workers: workers))
    WorkerTeam(count: workers).run { [subject] in subject.forward(call, $0) }
    return results.map(\.array)
  }

  private func backward(
    _ outputs: [[Float]], asking: [Int], workers: Int, initial: Float? = nil, inPlace: Bool = false
  ) -> [Int: [Float]] {
    var memory = Memory()
    let keeps = subject.keeps
    // What the operator did not ask to keep is not a number, so that reading it shows.
    let kept = inputShapes.indices.map { memory.view(inputShapes[$0], keeps.inputs.contains($0) ? inputs[$0] : nil) }
    let keptOutputs = outputShapes.indices.map {
      memory.view(outputShapes[$0], keeps.outputs.contains($0) ? outputs[$0] : nil)
    }
    let outputGradients = zip(outputShapes, gradients).map { shape, values in
      values.map { memory.view(shape, $0) }
    }
    let targets: [GradientTarget?] = inputShapes.indices.map { input in
      guard asking.contains(input) else { return nil }
      if inPlace && input == subject.inPlace.backward {
        return GradientTarget(outputGradients[0]!.reshaped(inputShapes[input]), accumulates: false)
      }
      let start = initial.map { [Float](repeating: $0, count: inputShapes[input].count) }
      return GradientTarget(memory.view(inputShapes[input], start), accumulates: initial != nil)
    }
    let call = BackwardCall(
      inputs: kept, outputs: keptOutputs, outputGradients: outputGradients, inputGradients: targets,
      context: memory.context(subject, .backward, inputShapes, outputShapes, workers: workers))
    WorkerTeam(count: workers).run { [subject] in subject.backward(call, $0) }
    return Dictionary(uniqueKeysWithValues: asking.map { ($0, targets[$0]!.view.array) })
  }
}
