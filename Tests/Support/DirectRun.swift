import Compute
import Operators

/// One forward pass on given numbers, and the backward pass for given gradients: for tests that know the exact answer.
public struct DirectRun: Sendable {
  private let subject: any Operator
  private let inputs: [(shape: Shape, values: [Float])]
  private let workers: Int
  private let misalignment: Int
  public let outputShapes: [Shape]
  public let outputs: [[Float]]

  /// Runs forward. Shapes that do not fit are the test's mistake.
  /// - Parameter misalignment: floats by which all memory lies off a cache line; large results at 0 are written past the
  ///   caches, others never.
  public init(_ subject: any Operator, _ inputs: [(Shape, [Float])], workers: Int = 2, misalignment: Int = 0) {
    self.subject = subject
    self.inputs = inputs.map { (shape: $0.0, values: $0.1) }
    self.workers = workers
    self.misalignment = misalignment
    outputShapes = try! subject.outputShapes(for: inputs.map(\.0))
    let memory = DirectMemory(misalignment)
    let call = ForwardCall(
      inputs: inputs.map { memory.view($0.0, $0.1) }, outputs: outputShapes.map { memory.view($0) },
      context: memory.context(subject, .forward, inputs.map(\.0), outputShapes, workers))
    WorkerTeam(count: workers).run { subject.forward(call, $0) }
    outputs = withExtendedLifetime(memory) { call.outputs.map(\.array) }
  }

  /// The gradients at all inputs (empty where the operator gives none) for gradients of the first outputs.
  public func gradients(_ outputGradients: [[Float]]) -> [[Float]] {
    let memory = DirectMemory(misalignment)
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
  private var blocks: [UnsafeMutableRawPointer] = []
  private let misalignment: Int

  init(_ misalignment: Int) { self.misalignment = misalignment }

  func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let room = max(count, 1) + misalignment
    let block = UnsafeMutableRawPointer.allocate(byteCount: room * MemoryLayout<Float>.stride, alignment: 64)
    let floats = block.initializeMemory(as: Float.self, repeating: .nan, count: room)
    blocks.append(block)
    return floats + misalignment
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
