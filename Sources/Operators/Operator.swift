import Compute

/// One differentiable operation on tensors. Read this file first: every operator makes the same five promises, in this
/// order.
///
/// An operator is a value that holds its options (stride, axes, epsilon). Its kernels take views and a worker, allocate
/// nothing, and know no graph, no rank and no file. All workers of the team enter `forward` and `backward` together;
/// each computes the tiles it is dealt (`worker.tiles`, `worker.ranges`), with `worker.barrier()` wherever one tile
/// reads what another wrote. The planner puts a barrier between operators, so a kernel neither begins nor ends with
/// one. Tiles depend on shapes alone: the result must be bitwise the same for any number of workers.
public protocol Operator: Sendable {
  /// The field's term, in snake case: `conv2d`, `batch_norm`.
  var name: String { get }

  /// The shapes of the outputs.
  /// - Throws: `ShapeError` naming the shapes when the inputs do not fit.
  func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape]

  /// What `backward` reads of the forward pass; the planner frees everything else.
  var keeps: Kept { get }

  /// Working memory of one pass. The default is none.
  func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch

  /// Computes all outputs from all inputs. Output memory holds anything at entry.
  func forward(_ call: ForwardCall, _ worker: Worker)

  /// Computes the gradients that are asked for from the gradients of the outputs.
  func backward(_ call: BackwardCall, _ worker: Worker)

  /// Multiply-adds of the forward pass, counted directly (without tricks such as Winograd's). The default is none.
  func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int

  /// Multiply-adds that the forward pass really does, where that is fewer. The default is `multiplyAdds`.
  func computedMultiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int

  /// Whose memory a result may take when that value is not needed afterwards. The default is nobody's.
  var inPlace: InPlace { get }

  /// Whether the backward pass gives a gradient at this input: false for labels, running statistics and the like.
  func isDifferentiable(input: Int) -> Bool

  /// Whether the backward pass can add the gradient at this input to what is there. Where not, the planner gives it
  /// memory of its own and adds afterwards. The default is yes.
  func accumulatesGradient(atInput input: Int) -> Bool

  /// Whether the forward pass costs little more than reading its inputs and writing its outputs. A plan then rather
  /// runs it again during the backward pass than keep its results until there. The default is no.
  var isCheapToRepeat: Bool { get }
}

extension Operator {
  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch { Scratch() }
  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { 0 }
  public func computedMultiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    multiplyAdds(inputs: inputs, outputs: outputs)
  }
  public var inPlace: InPlace { InPlace() }
  public func isDifferentiable(input: Int) -> Bool { true }
  public func accumulatesGradient(atInput input: Int) -> Bool { true }
  public var isCheapToRepeat: Bool { false }
}

/// The two directions in which an operator runs.
public enum Pass: Sendable { case forward, backward }

/// The inputs and outputs of the forward pass that the backward pass reads.
public struct Kept: Hashable, Sendable {
  public var inputs: Set<Int>
  public var outputs: Set<Int>

  public init(inputs: Set<Int> = [], outputs: Set<Int> = []) {
    self.inputs = inputs
    self.outputs = outputs
  }

  public static let nothing = Kept()
}

/// Legal aliases. `forward: k` - output 0 may lie in input k's memory; `backward: k` - the gradient of input k may lie
/// in the memory of the gradient of output 0. Both must then be computed element by element. The offer holds only where
/// the two have the same number of elements (an operator that broadcasts makes it for either case).
public struct InPlace: Hashable, Sendable {
  public var forward: Int?
  public var backward: Int?

  public init(forward: Int? = nil, backward: Int? = nil) {
    self.forward = forward
    self.backward = backward
  }
}

/// Working memory in floats: one block that all workers share, and one block for each worker.
public struct Scratch: Hashable, Sendable {
  public var shared: Int
  public var perWorker: Int

  public init(shared: Int = 0, perWorker: Int = 0) {
    self.shared = shared
    self.perWorker = perWorker
  }

  /// Both, this one after `other`.
  func behind(_ other: Scratch?) -> Scratch {
    Scratch(shared: shared + (other?.shared ?? 0), perWorker: perWorker + (other?.perWorker ?? 0))
  }
}

/// Shapes that do not fit an operator: `cannot <what>: <why>`.
public struct ShapeError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
