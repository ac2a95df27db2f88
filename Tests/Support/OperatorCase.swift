import Compute
import Operators

/// One declared use of an operator: options, shapes, the slow obvious twin, tolerance. `check()` holds the operator to
/// all it promises; add a case and correctness, gradients, accumulation, aliasing and thread independence are under
/// test.
public struct OperatorCase: Sendable, CustomStringConvertible {
  public let label: String
  public let subject: any Operator
  public let inputs: [Shape]
  /// Relative to the largest magnitude of each tensor; float32 kernels against a double twin.
  public var tolerance: Double
  /// The outputs that carry a gradient; `nil` means all. Statistics and indices carry none.
  public var outputsWithGradient: Set<Int>?
  /// Values for input k; the default is uniform in -1...1.
  public var fill: @Sendable (_ input: Int, _ stream: inout RandomStream) -> Float
  /// Inputs that follow from others, such as the statistics of a batch: changes the values that `fill` gave.
  public var derive: @Sendable (_ inputs: inout [[Float]]) -> Void = { _ in }
  /// The twin: outputs from inputs, in double precision.
  public let reference: @Sendable ([DoubleTensor]) -> [DoubleTensor]

  public init(
    _ label: String, _ subject: any Operator, inputs: [Shape], tolerance: Double = 2e-5,
    outputsWithGradient: Set<Int>? = nil,
    fill: @escaping @Sendable (_ input: Int, _ stream: inout RandomStream) -> Float = { _, stream in stream.uniform(-1, 1) },
    reference: @escaping @Sendable ([DoubleTensor]) -> [DoubleTensor]
  ) {
    self.label = label
    self.subject = subject
    self.inputs = inputs
    self.tolerance = tolerance
    self.outputsWithGradient = outputsWithGradient
    self.fill = fill
    self.reference = reference
  }

  public var description: String { "\(subject.name): \(label)" }

  /// Everything that is wrong with the operator on this case, one sentence each; empty when nothing is.
  public func check() -> [String] {
    let outputs: [Shape]
    do { outputs = try subject.outputShapes(for: inputs) } catch { return ["shape rule: \(error)"] }
    let run = OperatorRun(self, outputs: outputs)
    return run.checkForward() + run.checkBackward()
  }
}
