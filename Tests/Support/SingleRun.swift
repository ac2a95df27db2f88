import Compute
import Operators

/// One pass of an operator on given numbers, for tests that state their values outright.
public enum SingleRun {
  /// The outputs for `inputs`, computed by two workers.
  public static func forward(_ subject: any Operator, _ inputs: [(Shape, [Float])]) -> [[Float]] {
    let shapes = inputs.map(\.0)
    guard let results = try? subject.outputShapes(for: shapes) else { return [] }
    var memory = Memory()
    let views = inputs.map { memory.view($0.0, $0.1) }
    let outputs = results.map { memory.view($0) }
    let call = ForwardCall(
      inputs: views, outputs: outputs, context: memory.context(subject, .forward, shapes, results, workers: 2))
    WorkerTeam(count: 2).run { subject.forward(call, $0) }
    return outputs.map(\.array)
  }

  /// The gradients at the differentiable inputs (nothing at the others) for `outputGradients`.
  /// - Parameter begun: what is added to, at the first inputs.
  public static func backward(
    _ subject: any Operator, _ inputs: [(Shape, [Float])], outputGradients: [[Float]?], onto begun: [[Float]] = []
  ) -> [[Float]] {
    let shapes = inputs.map(\.0)
    guard let results = try? subject.outputShapes(for: shapes) else { return [] }
    var memory = Memory()
    let views = inputs.map { memory.view($0.0, $0.1) }
    let outputs = zip(results, forward(subject, inputs)).map { memory.view($0, $1) }
    let gradients = zip(results, outputGradients).map { shape, values in values.map { memory.view(shape, $0) } }
    let targets = shapes.indices.map { input -> GradientTarget? in
      let start = input < begun.count ? begun[input] : nil
      return subject.isDifferentiable(input: input)
        ? GradientTarget(memory.view(shapes[input], start), accumulates: start != nil) : nil
    }
    let call = BackwardCall(
      inputs: views, outputs: outputs, outputGradients: gradients, inputGradients: targets,
      context: memory.context(subject, .backward, shapes, results, workers: 2))
    WorkerTeam(count: 2).run { subject.backward(call, $0) }
    return targets.map { $0?.view.array ?? [] }
  }
}
