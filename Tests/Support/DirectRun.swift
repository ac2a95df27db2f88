import Compute
import Operators

/// One forward pass on given numbers, and the backward pass for given gradients: for tests that know the exact answer.
public struct DirectRun: Sendable {
  private let subject: any Operator
  private let inputs: [(shape: Shape, values: [Float])]
  private let workers: Int
  public let outputShapes: [Shape]
  public let outputs: [[Float]]

  /// Runs forward. Shapes that do not fit are the test's mistake.
  public init(_ subject: any Operator, _ inputs: [(Shape, [Float])], workers: Int = 2) {
    self.subject = subject
    self.inputs = inputs.map { (shape: $0.0, values: $0.1) }
    self.workers = workers
    outputShapes = try! subject.outputShapes(for: inputs.map(\.0))
    let memory = DirectMemory()
    let call = ForwardCall(
      inputs: inputs.map { memory.view($0.0, $0.1) }, outputs: outputShapes.map { memory.view($0) },
      context: memory.context(subject, .forward, inputs.map(\.0), outputShapes, workers))
    WorkerTeam(count: workers).run { subject.forward(call, $0) }
    outputs = withExtendedLifetime(memory) { call.outputs.map(\.array) }
  }

  /// The gradients at all inputs (empty where the operator gives none) for gradients of the first outputs.
  public func gradients(_ outputGradients: [[Float]]) -> [[Float]] {
    let memory = DirectMemory()
    let shapes = inputs.map(\.shape)
    let targets: [GradientTarget?] = shapes.indices.map {
      subject.isDifferentiable(input: $0) ? GradientTarget(memory.view(shapes[$0]), accumulates: false) : nil
    }
    let call = BackwardCall(
      inputs: inputs.map { memory.view($0.shape, $0.values) },
      outputs: zip(outputShapes, outputs).map { memory.view($0, $1) },
      outputGradients: outputShapes.indices.map {
        $0 < outputGradients.count ? memory.view(outputShapes[$0], outputGradients[$0]) : nil
      },
      inputGradients: targets, context: memory.context(subject, .backward, shapes, outputShapes, workers))
    WorkerTeam(count: workers).run { [subject] in subject.backward(call, $0) }
    return withExtendedLifetime(memory) { targets.map { $0?.view.array ?? [] } }
  }
}

/// Blocks that hold NaN until written, freed together.
private final class DirectMemory {
  private var blocks: [UnsafeMutablePointer<Float>] = []

  func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let block = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
    block.initialize(repeating: .nan, count: max(count, 1))
    blocks.append(block)
    return block
  }

  func view(_ shape: Shape, _ values: [Float]? = nil) -> TensorView {
    let view = TensorView(take(shape.count), shape)
    if let values { view.assign(values) }
    return view
  }

  func context(
    _ subject: any Operator, _ pass: Pass, _ inputs: [Shape], _ outputs: [Shape], _ workers: Int
  ) -> CallContext {
    let scratch = subject.scratch(for: pass, inputs: inputs, outputs: outputs)
    return CallContext(
      memory: take(CallContext.floatCount(scratch, workers: workers)), scratch: scratch, random: RandomKey(3))
  }

  deinit { for block in blocks { block.deallocate() } }
}
